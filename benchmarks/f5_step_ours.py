"""Child of benchmarks.f5_step: prints one JSON line with the seconds of our guided forward."""

from __future__ import annotations

import argparse
import json
import logging
import time
from statistics import median

from kernels.allocator import keep_freed_memory


def measure(dtype_name: str, num_frames: int, num_repeats: int) -> dict[str, float]:
    """Median wall and processor seconds of one compiled Euler step with guidance.

    Text embeddings and AdaLN vectors come from the prefill, as in the sampler and the engine.
    """
    # After the allocator's settings: importing jax already allocates.
    import jax
    import jax.numpy as jnp
    from flax import nnx

    from models.f5 import F5Config, F5Model
    from models.flow import modulated_euler_step
    from models.runtime import prepare_runtime, recommended_attention

    config, dtype = F5Config.v1_base(), jnp.dtype(dtype_name)
    prepare_runtime(None)
    choice = recommended_attention(config, num_frames, dtype)
    model = F5Model(config, rngs=nnx.Rngs(0), dtype=dtype, attention_implementation=choice)
    graph, params = nnx.split(model)
    row = jnp.ones((1,), jnp.float32)
    lengths = jnp.full((1,), num_frames, jnp.int32)
    x = jax.random.normal(jax.random.key(1), (1, num_frames, config.mel_dim))
    statics = jax.random.normal(jax.random.key(2), (1, 2, num_frames, config.dim))
    modulate = jax.jit(lambda params: nnx.merge(graph, params).modulate(0.3 * row, 2.0 * row))
    modulation = modulate(params)

    @jax.jit
    def step(params: nnx.State, x: jax.Array) -> jax.Array:
        merged = nnx.merge(graph, params)
        return modulated_euler_step(merged, x, statics, lengths, modulation, 0.1 * row, 2.0 * row)

    jax.block_until_ready(step(params, x))
    wall_s, processor_s = [], []
    for _ in range(num_repeats):
        wall, processor = time.perf_counter(), time.process_time()
        jax.block_until_ready(step(params, x))
        wall_s.append(time.perf_counter() - wall)
        processor_s.append(time.process_time() - processor)
    return {"wall_s": median(wall_s), "processor_s": median(processor_s)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dtype", choices=["float32", "bfloat16"])
    parser.add_argument("num_frames", type=int)
    parser.add_argument("num_repeats", type=int)
    parser.add_argument("--tuned", action="store_true", help="keep freed memory as main.py does")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("jax").setLevel(logging.WARNING)
    if arguments.tuned:
        keep_freed_memory()
    print(json.dumps(measure(arguments.dtype, arguments.num_frames, arguments.num_repeats)))


if __name__ == "__main__":
    main()
