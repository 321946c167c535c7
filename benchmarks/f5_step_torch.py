"""Child of benchmarks.f5_step, run in the environment with torch: the published code's forward."""

from __future__ import annotations

import json
import sys
import time
from statistics import median

import numpy as np
import torch

from tests.golden import f5_cases as cases
from tests.golden.torch_reference import DiT

NUM_TOKENS, NUM_REF_FRAMES = 150, 300


def measure(dtype_name: str, num_frames: int, num_repeats: int) -> dict[str, float]:
    """Median wall and processor seconds of one forward with both guidance branches packed.

    Text embeddings come from the reference's own cache, as in its sampler.
    """
    dtype = getattr(torch, dtype_name)
    dit = DiT(**cases.BASE_SIZES, text_num_embeds=cases.BASE_VOCAB_SIZE, **cases.SWITCHES["v1"])
    dit = dit.eval().requires_grad_(False).to(dtype)
    inputs = cases.utterance_inputs(
        num_frames, NUM_TOKENS, NUM_REF_FRAMES, mel_dim=100, vocab_size=cases.BASE_VOCAB_SIZE
    )
    tensors = {k: torch.from_numpy(np.asarray(inputs[k]))[None] for k in ("x", "cond")}
    arguments = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    arguments["text"] = torch.from_numpy(inputs["text_ids"]).long()[None]
    arguments["time"] = torch.tensor(0.3, dtype=dtype)
    wall_s, processor_s = [], []
    with torch.inference_mode():
        for _ in range(num_repeats + 1):
            wall, processor = time.perf_counter(), time.process_time()
            dit(**arguments, cfg_infer=True, cache=True)
            wall_s.append(time.perf_counter() - wall)
            processor_s.append(time.process_time() - processor)
    return {"wall_s": median(wall_s[1:]), "processor_s": median(processor_s[1:])}


def main() -> None:
    dtype_name, num_frames, num_repeats = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(measure(dtype_name, num_frames, num_repeats)))


if __name__ == "__main__":
    main()
