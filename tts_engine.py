"""The device side: shape buckets of rows on a mesh, every executable compiled ahead of time.

`TTSEngine` implements the `Engine` protocol of `inference_types` with `models.rows` compiled
once per (verb, bucket, rows, fused steps). An executable compiled ahead of time refuses other
shapes, so no request can cause a compilation. No threads, no HTTP, no policy: the orchestrator
decides which rows step together and holds the plans to replay after a failure.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import jax
import numpy as np

from inference_types import (
    BucketSpec,
    EngineError,
    EngineSpec,
    SegmentPlan,
    Slot,
    StepSchedule,
    VoicePrompt,
)
from models.f5 import F5Model
from models.programs import BucketPrograms, Networks, data_mesh
from models.rows import Rows, pad_plan
from models.runtime import (
    num_compilations,
    recommended_batch_sizes,
    recommended_fused_steps,
)
from models.vocos import Vocos

NUM_COMPILE_THREADS = 2  # tracing holds the GIL, so more would not help
MAX_CALIBRATION_RUNS = 3
CALIBRATION_S = 0.1  # per shape
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """Shapes to compile. Rows of a batch and slots of a bucket are rounded up to multiples of
    `num_data_shards`, over which the rows are spread. Every bucket has a program for each pair
    of a batch size and a number of fused steps (1.7 CPU seconds each to compile)."""

    buckets: tuple[BucketSpec, ...]
    batch_sizes: tuple[int, ...] = field(default_factory=recommended_batch_sizes)
    fused_steps: tuple[int, ...] = field(default_factory=recommended_fused_steps)
    num_data_shards: int = 1

    def rounded(self) -> EngineSettings:
        """The same with every count a multiple of the shards, ascending."""
        unit = self.num_data_shards
        buckets = [
            BucketSpec(max_frames=b.max_frames, num_slots=_round_up(b.num_slots, unit))
            for b in sorted(self.buckets, key=lambda bucket: bucket.max_frames)
        ]
        batch_sizes = {_round_up(size, unit) for size in self.batch_sizes}
        return replace(self, buckets=tuple(buckets), batch_sizes=tuple(sorted(batch_sizes)))


def _round_up(number: int, unit: int) -> int:
    return -(-number // unit) * unit


class _HostCopy:
    """A device result on its way to the host; `result` may be called from any thread."""

    def __init__(self, array: jax.Array, num_items: int) -> None:
        array.copy_to_host_async()
        self._array = array
        self._num_items = num_items

    def result(self) -> np.ndarray:
        """Blocks. Raises EngineError where the program or the copy failed."""
        try:
            return np.asarray(self._array)[: self._num_items]
        except RuntimeError as error:  # a failed program is first heard of here
            raise EngineError("the device failed while computing this result") from error


@dataclass(kw_only=True)
class _Tenant:
    """Who lives in a slot, and how far the solve has come."""

    plan: SegmentPlan
    next_step: int = 0

    @property
    def num_steps_left(self) -> int:
        return self.plan.schedule.num_steps - self.next_step

    def grid(self, num_steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Times and sizes of the next steps; differences in float64, before rounding."""
        times = self.plan.schedule.times[self.next_step : self.next_step + num_steps + 1]
        return np.array(times[:-1]), np.diff(times)


@dataclass(frozen=True, kw_only=True)
class _Prefix:
    """A prefilled row on its way into a slot."""

    row: Rows
    plan: SegmentPlan
    max_frames: int


class _Bucket:
    """One padded length: its programs, its rows on the device, its tenants on the host."""

    def __init__(self, programs: BucketPrograms, spec: BucketSpec) -> None:
        self.programs = programs
        self.spec = spec
        self.clear()

    def clear(self) -> None:
        self.rows = self.programs.empty_rows()
        self.blank = self.programs.empty_row()
        self.tenants: list[_Tenant | None] = [None] * self.spec.num_slots

    def tenant(self, index: int) -> _Tenant:
        found = self.tenants[index]
        if found is None:
            raise ValueError(f"slot {index} of bucket {self.spec.max_frames} is empty")
        return found


class TTSEngine:
    """See the `Engine` protocol for the life of a row and who may call what."""

    def __init__(self, acoustic: F5Model, vocoder: Vocos, settings: EngineSettings) -> None:
        """Places the weights and empties every slot; `warm_up` compiles.

        Raises ModelLoadError for too few devices or buckets the model cannot be cut into.
        """
        self._compilations_before = num_compilations()
        settings = settings.rounded()
        networks = Networks.place(acoustic, vocoder, data_mesh(settings.num_data_shards))
        self._spec = EngineSpec(
            sample_rate=vocoder.config.sample_rate,
            hop_samples=vocoder.config.hop_samples,
            mel_dim=acoustic.config.mel_dim,
            buckets=settings.buckets,
            batch_sizes=settings.batch_sizes,
            fused_steps=settings.fused_steps,
            max_guidance=acoustic.config.max_guidance,
            description={"platform": jax.default_backend(), "devices": settings.num_data_shards},
        )
        self._buckets = {
            spec.max_frames: _Bucket(BucketPrograms(networks, spec), spec)
            for spec in settings.buckets
        }

    @property
    def spec(self) -> EngineSpec:
        return self._spec

    @property
    def num_compilations(self) -> int:
        return num_compilations() - self._compilations_before

    def warm_up(self) -> None:
        start = time.perf_counter()
        shapes = self._spec.batch_sizes, self._spec.fused_steps
        programs = [bucket.programs for bucket in self._buckets.values()]
        with ThreadPoolExecutor(NUM_COMPILE_THREADS) as pool:
            list(pool.map(lambda each: each.compile(*shapes), programs))
        _log.info("compiled %d programs in %.1f s", self.num_compilations, _since(start))
        for bucket in self._buckets.values():
            self._rehearse(bucket)
        self.reset()
        _log.info("warm after %.1f s", _since(start))

    def calibrate(self) -> dict[tuple[int, int], float]:
        """Steps of padding rows, which cost what real rows cost."""
        return {
            (max_frames, num_rows): self._time_step(bucket, num_rows)
            for max_frames, bucket in self._buckets.items()
            for num_rows in self._spec.batch_sizes
        }

    def prefill(self, plan: SegmentPlan) -> _Prefix:
        """In the smallest bucket that holds the plan.

        Raises ValueError where none does, and for a guidance scale beyond `max_guidance`.
        """
        limit = self._spec.max_guidance
        if limit is not None and plan.guidance_scale > limit:
            raise ValueError(f"guidance_scale {plan.guidance_scale} is more than {limit}")
        fitting = [size for size in self._buckets if size >= plan.num_frames]
        if not fitting:
            raise ValueError(f"{plan.num_frames} frames fit no bucket of {list(self._buckets)}")
        return self._prefill(plan, fitting[0])

    def insert(self, prefix: _Prefix, slot: Slot) -> None:
        """Any bucket that holds the row will do; another than prefill's costs a new prefill."""
        bucket = self._bucket(slot)
        if bucket.tenants[slot.index] is not None:
            raise ValueError(f"{slot} is taken")
        if prefix.plan.num_frames > slot.bucket:
            raise ValueError(f"{prefix.plan.num_frames} frames do not fit {slot}")
        if prefix.max_frames != slot.bucket:
            prefix = self._prefill(prefix.plan, slot.bucket)
        bucket.rows = bucket.programs.insert(bucket.rows, prefix.row, slot.index)
        bucket.tenants[slot.index] = _Tenant(plan=prefix.plan)

    def step(self, slots: Sequence[Slot], num_fused: int = 1) -> _HostCopy:
        bucket = self._check_step(slots, num_fused)
        tenants = [bucket.tenant(slot.index) for slot in slots]
        num_rows = min(size for size in self._spec.batch_sizes if size >= len(slots))
        indices = np.full(num_rows, bucket.spec.num_slots, np.int32)
        indices[: len(slots)] = [slot.index for slot in slots]
        times = np.zeros((num_fused, num_rows), np.float32)
        step_sizes = np.zeros((num_fused, num_rows), np.float32)
        for row, tenant in enumerate(tenants):
            times[:, row], step_sizes[:, row] = tenant.grid(num_fused)
        bucket.rows, is_finite = bucket.programs.step(bucket.rows, indices, times, step_sizes)
        for tenant in tenants:
            tenant.next_step += num_fused
        return _HostCopy(is_finite, len(slots))

    def vocode(self, slot: Slot) -> _HostCopy:
        bucket = self._bucket(slot)
        tenant = bucket.tenant(slot.index)
        if tenant.num_steps_left:
            raise ValueError(f"{slot} has {tenant.num_steps_left} steps to go")
        plan = tenant.plan
        wave = bucket.programs.vocode(bucket.rows, slot.index, plan.num_ref_frames)
        return _HostCopy(wave, plan.num_new_frames * self._spec.hop_samples)

    def free(self, slot: Slot) -> None:
        bucket = self._bucket(slot)
        bucket.tenant(slot.index)
        bucket.rows = bucket.programs.insert(bucket.rows, bucket.blank, slot.index)
        bucket.tenants[slot.index] = None

    def reset(self) -> None:
        for bucket in self._buckets.values():
            bucket.clear()

    def _bucket(self, slot: Slot) -> _Bucket:
        bucket = self._buckets.get(slot.bucket)
        if bucket is None or not 0 <= slot.index < bucket.spec.num_slots:
            raise ValueError(f"{slot} does not exist")
        return bucket

    def _check_step(self, slots: Sequence[Slot], num_fused: int) -> _Bucket:
        if not slots or len(set(slots)) != len(slots):
            raise ValueError("a step needs distinct slots")
        if len({slot.bucket for slot in slots}) != 1:
            raise ValueError("a step takes slots of one bucket")
        if len(slots) > self._spec.batch_sizes[-1] or num_fused not in self._spec.fused_steps:
            raise ValueError(f"no program for {len(slots)} rows and {num_fused} fused steps")
        for slot in slots:
            if self._bucket(slot).tenant(slot.index).num_steps_left < num_fused:
                raise ValueError(f"{slot} would be stepped past its end")
        return self._bucket(slots[0])

    def _prefill(self, plan: SegmentPlan, max_frames: int) -> _Prefix:
        row = self._buckets[max_frames].programs.prefill(pad_plan(plan, max_frames))
        return _Prefix(row=row, plan=plan, max_frames=max_frames)

    def _time_step(self, bucket: _Bucket, num_rows: int) -> float:
        """Best of up to three runs; slow shapes are believed at once, start-up is waiting."""
        runs: list[float] = []
        while len(runs) < MAX_CALIBRATION_RUNS and sum(runs) < CALIBRATION_S:
            start = time.perf_counter()
            bucket.rows, is_finite = _padding_step(bucket, num_rows, 1)
            is_finite.block_until_ready()
            runs.append(_since(start))
        return min(runs)

    def _rehearse(self, bucket: _Bucket) -> None:
        """Run every program of a bucket once with real buffers."""
        programs, n = bucket.programs, bucket.spec.max_frames
        zeros = np.zeros((1, self._spec.mel_dim), np.float32)
        plan = SegmentPlan(
            segment_index=0,
            voice=VoicePrompt(key="", mel=zeros),
            text_ids=np.full(n, -1, np.int32),
            num_frames=n,
            seed=0,
            guidance_scale=1.0,
            schedule=StepSchedule(times=(0.0, 1.0)),
        )
        bucket.rows = programs.insert(bucket.rows, self._prefill(plan, n).row, 0)
        for num_rows in self._spec.batch_sizes:
            for num_fused in self._spec.fused_steps:
                bucket.rows, _ = _padding_step(bucket, num_rows, num_fused)
        programs.vocode(bucket.rows, 0, 1).block_until_ready()


def _padding_step(bucket: _Bucket, num_rows: int, num_fused: int) -> tuple[Rows, jax.Array]:
    """A step in which no slot takes part."""
    slots = np.full(num_rows, bucket.spec.num_slots, np.int32)
    grid = np.zeros((num_fused, num_rows), np.float32)
    return bucket.programs.step(bucket.rows, slots, grid, grid)


def _since(start: float) -> float:
    return time.perf_counter() - start
