"""Host-side preparation: models on disk, voices, references, plans. No device work.

Import from the modules; nothing is re-exported here, so that the server can use
`frontend.voices` without loading jax.

    frontend.bundle.find_bundle(model)                   what to load
    frontend.assembly.make_frontend(bundle, store, ...)  the `Frontend` the orchestrator calls
    frontend.voices.VoiceStore                           built-in and stored voices
"""
