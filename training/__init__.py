"""Offline training: data preparation, the acoustic model, durations, the vocoder, export."""
