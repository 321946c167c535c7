"""Executables of one bucket, compiled ahead of time for a mesh.

Rows are spread over the mesh's one axis, `data`; weights and single rows are on every device.
A compiled program refuses any other shape, so nothing can compile once these exist.

Axis legend: s slots of a bucket, b rows of a step, k fused steps, n mel frames (padded), m mel
bins, nw wave samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from inference_types import BucketSpec, ModelLoadError
from models.f5 import F5Config, F5Model
from models.rows import RowInput, Rows, insert_row, prefill_row, step_rows, vocode_row
from models.vocos import Vocos

DATA_AXIS = "data"


def data_mesh(num_shards: int) -> Mesh:
    """The first `num_shards` devices in a row. Raises ModelLoadError when there are fewer."""
    devices = jax.devices()
    if len(devices) < num_shards:
        raise ModelLoadError(
            f"mesh data={num_shards} needs {num_shards} devices, but there are {len(devices)}"
        )
    return Mesh(np.array(devices[:num_shards]), (DATA_AXIS,))


@dataclass(frozen=True, kw_only=True)
class Networks:
    """Both networks, taken apart into structure and weights, the weights on every device."""

    mesh: Mesh
    config: F5Config
    acoustic_graph: Any
    acoustic_params: Any
    vocoder_graph: Any
    vocoder_params: Any

    @classmethod
    def place(cls, acoustic: F5Model, vocoder: Vocos, mesh: Mesh) -> Networks:
        everywhere = NamedSharding(mesh, PartitionSpec())
        acoustic_graph, acoustic_params = nnx.split(acoustic)
        vocoder_graph, vocoder_params = nnx.split(vocoder)
        return cls(
            mesh=mesh,
            config=acoustic.config,
            acoustic_graph=acoustic_graph,
            acoustic_params=jax.device_put(acoustic_params, everywhere),
            vocoder_graph=vocoder_graph,
            vocoder_params=jax.device_put(vocoder_params, everywhere),
        )

    @property
    def everywhere(self) -> NamedSharding:
        return NamedSharding(self.mesh, PartitionSpec())

    @property
    def by_row(self) -> NamedSharding:
        return NamedSharding(self.mesh, PartitionSpec(DATA_AXIS))


class BucketPrograms:
    """Every verb for the rows of one bucket.

    `compile` runs first; afterwards each method is one dispatch that cannot compile anything.
    Raises ModelLoadError for a bucket that is not a whole number of the model's patches.
    """

    def __init__(self, networks: Networks, spec: BucketSpec) -> None:
        if spec.max_frames % networks.config.patch_frames:
            raise ModelLoadError(
                f"buckets must be multiples of {networks.config.patch_frames} frames,"
                f" not {spec.max_frames}"
            )
        self._networks = networks
        self._max_frames = spec.max_frames
        self._num_slots = spec.num_slots
        self._programs: dict[tuple[str, int, int], Any] = {}
        self._row = jax.eval_shape(self._prefill, networks.acoustic_params, self._input_shapes())

    def compile(self, batch_sizes: Sequence[int], fused_steps: Sequence[int]) -> None:
        """Compile prefill, insert, vocode and one step per (rows, fused steps)."""
        nets = self._networks
        acoustic = _placed(nets.acoustic_params, nets.everywhere)
        rows = _placed(self._with_slots(self._row), nets.by_row)
        slot = self._shape((), jnp.int32)
        self._build(("prefill", 1, 1), self._prefill, (acoustic, self._input_shapes()))
        single = _placed(self._row, nets.everywhere)
        self._build(
            ("insert", 1, 1), insert_row, (rows, single, slot), nets.by_row, donate_argnums=0
        )
        vocoder = _placed(nets.vocoder_params, nets.everywhere)
        self._build(("vocode", 1, 1), self._vocode, (vocoder, rows, slot, slot))
        for b in batch_sizes:
            for k in fused_steps:
                grid = self._shape((k, b), jnp.float32)
                arguments = (acoustic, *rows, self._shape((b,), jnp.int32), grid, grid)
                self._build(
                    ("step", b, k),
                    self._step,
                    arguments,
                    (nets.by_row, nets.everywhere),
                    donate_argnums=1,
                )

    def empty_rows(self) -> Rows:
        """Zeroed slots, in new memory."""
        shapes = self._with_slots(self._row)
        return jax.tree.map(
            lambda leaf: jax.device_put(np.zeros(leaf.shape, leaf.dtype), self._networks.by_row),
            shapes,
        )

    def empty_row(self) -> Rows:
        """One zeroed row: what `insert` writes to scrub a slot."""
        return jax.tree.map(
            lambda leaf: jax.device_put(
                np.zeros(leaf.shape, leaf.dtype), self._networks.everywhere
            ),
            self._row,
        )

    def prefill(self, row: RowInput) -> Rows:
        return self._programs["prefill", 1, 1](self._networks.acoustic_params, row)

    def insert(self, rows: Rows, row: Rows, slot: int) -> Rows:
        """Destroys `rows`."""
        return self._programs["insert", 1, 1](rows, row, np.int32(slot))

    def step(
        self, rows: Rows, slots: np.ndarray, times: np.ndarray, step_sizes: np.ndarray
    ) -> tuple[Rows, jax.Array]:
        """Destroys `rows.x`. Slots (b,), times and step sizes (k, b) -> rows, finite (b,)."""
        program = self._programs["step", times.shape[1], times.shape[0]]
        x, is_finite = program(self._networks.acoustic_params, *rows, slots, times, step_sizes)
        return rows._replace(x=x), is_finite

    def vocode(self, rows: Rows, slot: int, num_ref_frames: int) -> jax.Array:
        """Samples (nw,) of the padded length."""
        return self._programs["vocode", 1, 1](
            self._networks.vocoder_params, rows, np.int32(slot), np.int32(num_ref_frames)
        )

    def _prefill(self, params: Any, row: RowInput) -> Rows:
        return prefill_row(nnx.merge(self._networks.acoustic_graph, params), row)

    def _vocode(self, params: Any, rows: Rows, slot: jax.Array, num_ref: jax.Array) -> jax.Array:
        vocoder = nnx.merge(self._networks.vocoder_graph, params)
        return vocode_row(self._networks.config, vocoder, rows, slot, num_ref)

    def _step(
        self,
        params: Any,
        x: jax.Array,
        statics: jax.Array,
        lengths: jax.Array,
        guidance_scales: jax.Array,
        slots: jax.Array,
        times: jax.Array,
        step_sizes: jax.Array,
    ) -> tuple[jax.Array, jax.Array]:
        model = nnx.merge(self._networks.acoustic_graph, params)
        rows = Rows(x, statics, lengths, guidance_scales)
        return step_rows(model, rows, slots, times, step_sizes, self._networks.by_row)

    def _build(
        self,
        key: tuple[str, int, int],
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        out_shardings: Any = None,
        **options: Any,
    ) -> None:
        placed = self._networks.everywhere if out_shardings is None else out_shardings
        jitted = jax.jit(function, out_shardings=placed, **options)
        self._programs[key] = jitted.lower(*arguments).compile()

    def _shape(self, shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, dtype, sharding=self._networks.everywhere)

    def _input_shapes(self) -> RowInput:
        n, scalar = self._max_frames, self._shape((), jnp.int32)
        shapes = {
            "cond": self._shape((n, self._networks.config.mel_dim), jnp.float32),
            "text_ids": self._shape((n,), jnp.int32),
            "num_ref_frames": scalar,
            "num_frames": scalar,
            "guidance_scale": self._shape((), jnp.float32),
            "noise_scale": self._shape((), jnp.float32),
            "seed_words": self._shape((2,), jnp.uint32),
            "segment_index": scalar,
        }
        return RowInput._make(shapes[name] for name in RowInput._fields)

    def _with_slots(self, row: Any) -> Any:
        """Shapes of one row -> shapes of the whole bucket."""
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((self._num_slots, *leaf.shape[1:]), leaf.dtype), row
        )


def _placed(tree: Any, sharding: NamedSharding) -> Any:
    """The tree's shapes with a placement, to lower with."""
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), tree
    )
