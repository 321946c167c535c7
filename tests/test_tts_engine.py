"""The engine on a tiny random model: same numbers alone, batched, in other buckets, late."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from audio.decode import decode_audio
from frontend.assembly import make_frontend
from frontend.bundle import find_bundle
from frontend.voices import VoiceStore
from inference_types import (
    BucketSpec,
    ModelLoadError,
    SegmentPlan,
    Slot,
    SynthesisRequest,
    VoicePrompt,
)
from models.f5 import F5Config, sample, seeded_noise
from models.flow import time_grid
from models.rows import row_noise
from models.vocos import decode
from tests.tiny_models import ALIGNED, PACKED, random_f5, random_vocos, write_bundle
from tts_engine import EngineSettings, TTSEngine

SETTINGS = EngineSettings(
    buckets=(BucketSpec(max_frames=32, num_slots=4), BucketSpec(max_frames=64, num_slots=4)),
    batch_sizes=(1, 4),
    fused_steps=(1, 2),
)
ONE_PROGRAM_EACH = EngineSettings(
    buckets=(BucketSpec(max_frames=64, num_slots=4),), batch_sizes=(1,), fused_steps=(1,)
)
DISTILLED = dataclasses.replace(ALIGNED, max_guidance=3.0)
TOLERANCE = 1e-4


def make_plan(
    config: F5Config = ALIGNED,
    *,
    seed: int = 7,
    segment: int = 0,
    num_frames: int = 29,
    num_steps: int = 4,
    num_ref_frames: int = 8,
) -> SegmentPlan:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, config.vocab_size, num_frames).astype(np.int32)
    if config.text_layout == "aligned":
        ids[:num_ref_frames] = -1
    else:
        ids = ids[: num_frames // 2]
    mel = rng.standard_normal((num_ref_frames, 100)).astype(np.float32) - 3.0
    return SegmentPlan(
        segment_index=segment,
        voice=VoicePrompt(key=str(seed), mel=mel),
        text_ids=ids,
        num_frames=num_frames,
        seed=seed,
        guidance_scale=2.0 + 0.1 * (seed % 5),
        schedule=time_grid(num_steps),
    )


def run_solo(engine: TTSEngine, plan: SegmentPlan, slot: Slot) -> np.ndarray:
    """Speak one plan in one slot with nobody else around."""
    engine.insert(engine.prefill(plan), slot)
    for _ in range(plan.schedule.num_steps):
        assert engine.step([slot]).result().tolist() == [True]
    wave = engine.vocode(slot).result()
    engine.free(slot)
    return wave


@pytest.fixture(scope="module")
def engine() -> TTSEngine:
    engine = TTSEngine(random_f5(ALIGNED), random_vocos(), SETTINGS)
    engine.warm_up()
    return engine


@pytest.fixture(autouse=True)
def _empty(request: pytest.FixtureRequest) -> None:
    if "engine" in request.fixturenames:
        request.getfixturevalue("engine").reset()


def test_wave_covers_the_generated_frames(engine: TTSEngine) -> None:
    plan = make_plan(num_frames=29, num_ref_frames=8)
    wave = run_solo(engine, plan, Slot(32, 0))
    assert wave.dtype == np.float32 and wave.shape == (21 * 256,)
    assert np.all(np.isfinite(wave)) and np.abs(wave[-256:]).max() > 0


@pytest.mark.parametrize(
    "config", [ALIGNED, PACKED, DISTILLED], ids=["aligned", "packed", "distilled"]
)
def test_engine_equals_sample_and_decode(config: F5Config) -> None:
    model, vocoder = random_f5(config), random_vocos()
    engine = TTSEngine(model, vocoder, ONE_PROGRAM_EACH)
    engine.warm_up()
    plan = dataclasses.replace(make_plan(config, num_frames=30, num_steps=5), noise_scale=0.8)
    mel = sample(
        model,
        plan.voice.mel,
        plan.text_ids,
        plan.num_frames,
        noise=0.8 * seeded_noise(plan.seed, plan.num_frames, 100),
        steps=5,
        guidance_scale=plan.guidance_scale,
    )
    new = mel[plan.num_ref_frames :]
    expected = decode(vocoder, np.concatenate([new, new[-1:]]))
    np.testing.assert_allclose(run_solo(engine, plan, Slot(64, 2)), expected, atol=TOLERANCE)


def test_a_scale_that_is_an_input_counts_row_by_row() -> None:
    settings = dataclasses.replace(ONE_PROGRAM_EACH, batch_sizes=(1, 2))
    engine = TTSEngine(random_f5(DISTILLED), random_vocos(), settings)
    engine.warm_up()
    plans = [dataclasses.replace(make_plan(), guidance_scale=scale) for scale in (0.5, 2.5)]
    solo = [run_solo(engine, plan, Slot(64, 0)) for plan in plans]
    assert np.abs(solo[0] - solo[1]).max() > TOLERANCE
    slots = [Slot(64, 2), Slot(64, 1)]
    for plan, slot in zip(plans, slots, strict=True):
        engine.insert(engine.prefill(plan), slot)
    for _ in range(plans[0].schedule.num_steps):
        engine.step(slots)
    for slot, expected in zip(slots, solo, strict=True):
        np.testing.assert_allclose(engine.vocode(slot).result(), expected, atol=TOLERANCE / 100)


def test_a_scale_the_network_does_not_know_is_refused() -> None:
    engine = TTSEngine(random_f5(DISTILLED), random_vocos(), ONE_PROGRAM_EACH)
    with pytest.raises(ValueError, match=r"guidance_scale 3.1 is more than 3"):
        engine.prefill(dataclasses.replace(make_plan(), guidance_scale=3.1))


def test_batched_other_bucket_and_late_joining_rows_equal_solo(engine: TTSEngine) -> None:
    plans = [
        make_plan(seed=1, num_frames=29, num_steps=4),
        make_plan(seed=2, num_frames=18, num_steps=6),
        make_plan(seed=3, num_frames=32, num_steps=5, num_ref_frames=4),
    ]
    solo = [run_solo(engine, plan, Slot(32, 1)) for plan in plans]
    slots = [Slot(64, 3), Slot(64, 0), Slot(64, 1)]
    left = [plan.schedule.num_steps for plan in plans]
    for tick in range(8):  # row r joins at tick r, each on its own schedule
        if tick < len(plans):
            engine.insert(engine.prefill(plans[tick]), slots[tick])
        rows = [r for r in range(len(plans)) if r <= tick and left[r]]
        if rows:
            assert engine.step([slots[r] for r in rows]).result().all()
        for r in rows:
            left[r] -= 1
    assert left == [0, 0, 0]
    for slot, expected in zip(slots, solo, strict=True):
        np.testing.assert_allclose(engine.vocode(slot).result(), expected, atol=TOLERANCE)


def test_fused_steps_equal_single_steps(engine: TTSEngine) -> None:
    plan = make_plan(num_steps=5)
    solo = run_solo(engine, plan, Slot(32, 0))
    engine.insert(engine.prefill(plan), Slot(32, 2))
    for num_fused in (2, 2, 1):
        engine.step([Slot(32, 2)], num_fused)
    np.testing.assert_allclose(engine.vocode(Slot(32, 2)).result(), solo, atol=TOLERANCE)


def test_segments_and_seeds_differ(engine: TTSEngine) -> None:
    waves = [
        run_solo(engine, make_plan(seed=seed, segment=segment), Slot(32, 0))
        for seed, segment in ((7, 0), (7, 1), (8, 0))
    ]
    assert np.abs(waves[0] - waves[1]).max() > TOLERANCE
    assert np.abs(waves[0] - waves[2]).max() > TOLERANCE


def test_noise_is_the_same_in_every_padded_length() -> None:
    words = np.array([3, 9], np.uint32)  # a 64-bit seed
    short, long = (np.asarray(row_noise(words, np.int32(5), n, 100)) for n in (17, 1024))
    np.testing.assert_array_equal(short, long[:17])
    np.testing.assert_array_equal(short, seeded_noise((3 << 32) + 9, 17, 100, segment_index=5))


def test_row_with_nan_is_reported_and_leaves_its_neighbours_alone(engine: TTSEngine) -> None:
    good = make_plan(seed=1)
    waves = []
    for poison in (0.0, np.nan):
        other = make_plan(seed=2)
        other.voice.mel[3, 7] += poison
        engine.insert(engine.prefill(other), Slot(32, 1))
        engine.insert(engine.prefill(good), Slot(32, 0))
        for _ in range(4):
            finite = engine.step([Slot(32, 1), Slot(32, 0)]).result().tolist()
            assert finite == [poison == 0.0, True]
        waves.append(engine.vocode(Slot(32, 0)).result())
        engine.reset()
    np.testing.assert_array_equal(waves[0], waves[1])


def test_freed_slot_is_scrubbed_and_its_next_tenant_is_clean(engine: TTSEngine) -> None:
    good, slot = make_plan(seed=1), Slot(32, 1)
    solo = run_solo(engine, good, Slot(32, 0))
    bad = make_plan(seed=2, num_frames=32)
    bad.voice.mel[:] = np.nan
    engine.insert(engine.prefill(bad), slot)
    engine.step([slot])
    engine.free(slot)
    for leaf in jax.tree.leaves(engine._buckets[32].rows):
        assert not np.asarray(leaf)[1].any()
    np.testing.assert_array_equal(run_solo(engine, good, slot), solo)


def test_replay_after_reset_gives_the_same_sound(engine: TTSEngine) -> None:
    plan, slot = make_plan(), Slot(32, 0)
    solo = run_solo(engine, plan, slot)
    engine.insert(engine.prefill(plan), slot)
    engine.step([slot])
    engine._buckets[32].rows.x.delete()  # what a failed step does to its donated input
    with pytest.raises((RuntimeError, ValueError)):
        engine.step([slot])
    engine.reset()
    np.testing.assert_array_equal(run_solo(engine, plan, slot), solo)


def test_nothing_compiles_after_warm_up(engine: TTSEngine) -> None:
    before = engine.num_compilations
    assert before > 0
    for plan in (make_plan(num_steps=50, num_frames=63), make_plan(num_steps=3, num_frames=9)):
        run_solo(engine, plan, Slot(64, 0))
    prefixes = [engine.prefill(make_plan(seed=s)) for s in range(3)]
    for index, prefix in enumerate(prefixes):
        engine.insert(prefix, Slot(64, index))  # another bucket than prefill's
    engine.step([Slot(64, i) for i in range(3)], 2)
    engine.calibrate()
    engine.reset()
    assert engine.num_compilations == before


def test_calibration_times_every_bucket_and_batch_size(engine: TTSEngine) -> None:
    costs = engine.calibrate()
    assert set(costs) == {(n, b) for n in (32, 64) for b in (1, 4)}
    assert all(seconds > 0 for seconds in costs.values())


def test_misuse_is_a_value_error_and_changes_nothing(engine: TTSEngine) -> None:
    plan, slot = make_plan(), Slot(32, 0)
    engine.insert(engine.prefill(plan), slot)
    long = engine.prefill(make_plan(num_frames=40))
    for call in (
        lambda: engine.insert(engine.prefill(plan), slot),
        lambda: engine.insert(long, Slot(32, 1)),
        lambda: engine.insert(long, Slot(64, 4)),
        lambda: engine.insert(long, Slot(48, 0)),
        lambda: engine.prefill(make_plan(num_frames=65)),
        lambda: engine.step([Slot(32, 1)]),
        lambda: engine.step([]),
        lambda: engine.step([slot, slot]),
        lambda: engine.step([slot, Slot(64, 0)]),
        lambda: engine.step([slot], 3),
        lambda: engine.vocode(slot),
        lambda: engine.free(Slot(32, 1)),
    ):
        with pytest.raises(ValueError):
            call()
    for _ in range(4):
        engine.step([slot])
    with pytest.raises(ValueError):
        engine.step([slot])
    assert engine.vocode(slot).result().shape == (21 * 256,)


def test_bundle_on_disk_speaks(tmp_path: Path) -> None:
    write_bundle(tmp_path / "tiny")
    bundle = find_bundle(str(tmp_path / "tiny"))
    settings = dataclasses.replace(
        ONE_PROGRAM_EACH, buckets=(BucketSpec(max_frames=256, num_slots=1),)
    )
    engine = TTSEngine(bundle.load_acoustic(np.float32), bundle.load_vocoder(), settings)
    engine.warm_up()
    frontend = make_frontend(bundle, VoiceStore(bundle.voices), decode_audio, max_frames=256)
    request = SynthesisRequest(request_id="r", text="Hello, world.", seed=3, chunk_policy="equal")
    voice = frontend.load_voice(request)
    (segment,) = frontend.split(request, voice)
    plan = frontend.plan(request, voice, segment)
    wave = run_solo(engine, plan, Slot(256, 0))
    assert wave.shape == (plan.num_new_frames * 256,) and wave.std() > 0
    assert [word.text for word in plan.words] == ["Hello,", "world."]
    assert plan.words[-1].end_sample <= len(wave)


def test_settings_that_cannot_work_are_named() -> None:
    odd = dataclasses.replace(SETTINGS, buckets=(BucketSpec(max_frames=33, num_slots=4),))
    many = dataclasses.replace(SETTINGS, num_data_shards=1000)
    for settings, words in ((odd, "multiples of 2 frames"), (many, "needs 1000 devices")):
        with pytest.raises(ModelLoadError, match=words):
            TTSEngine(random_f5(ALIGNED), random_vocos(), settings)


DEVICES_SCRIPT = """
import sys
import jax
import numpy as np
from tests.test_tts_engine import *
assert jax.device_count() == 8
settings = dataclasses.replace(ONE_PROGRAM_EACH, num_data_shards=8)
engine = TTSEngine(random_f5(ALIGNED), random_vocos(), settings)
assert engine.spec.batch_sizes == (8,) and engine.spec.buckets[0].num_slots == 8
engine.warm_up()
before = engine.num_compilations
plans = [make_plan(seed=s, num_frames=20 + s) for s in range(3)]
slots = [Slot(64, 7), Slot(64, 2), Slot(64, 3)]
for plan, slot in zip(plans, slots):
    engine.insert(engine.prefill(plan), slot)
for _ in range(4):
    assert engine.step(slots).result().all()
waves = [engine.vocode(slot).result() for slot in slots]
engine.free(slots[0])
assert engine.num_compilations == before
np.savez(sys.argv[1], *waves)
"""


def test_eight_devices_give_the_same_sound(engine: TTSEngine, tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    flags = "--xla_force_host_platform_device_count=8"
    subprocess.run(
        [sys.executable, "-c", DEVICES_SCRIPT, tmp_path / "waves.npz"],
        cwd=root,
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        check=True,
        timeout=300,
    )
    waves = np.load(tmp_path / "waves.npz")
    for seed, name in enumerate(waves.files):
        solo = run_solo(engine, make_plan(seed=seed, num_frames=20 + seed), Slot(32, 0))
        np.testing.assert_allclose(waves[name], solo, atol=TOLERANCE)
