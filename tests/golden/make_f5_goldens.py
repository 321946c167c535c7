"""Make tests/golden/f5/ from the published torch code (throw-away environment).

    python3.11 -m venv /work/torchenv
    /work/torchenv/bin/pip install torch==2.13.0 numpy librosa
    /work/torchenv/bin/pip install --no-deps f5-tts==1.1.22 vocos==0.1.0 \
        x-transformers==2.31.10 torchdiffeq==0.2.5 torchaudio==2.11.0
    /work/torchenv/bin/pip install einops einx frozendict loguru torch_einops_utils packaging \
        pypinyin rjieba safetensors
    /work/torchenv/bin/python -m tests.golden.make_f5_goldens          # from the repository root

Writes `tiny.safetensors` (official layout, bfloat16; the reference ran on exactly these values in
float32), `tiny.npz` and `base.npz` (outputs only: weights and inputs grow from their names,
see seeded_weights.py). Takes about a minute; needs 4 GB for the full-size model.
"""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import torch
from safetensors.torch import save_file

from tests.golden import f5_cases as cases
from tests.golden.seeded_weights import seeded_normal, seeded_weights
from tests.golden.torch_reference import (
    DiT,
    RotaryEmbedding,
    cfm,
    f5_text,
    load_weights,
    to_numpy,
)

FOLDER = Path(__file__).parent / "f5"
PREFIX = "ema_model.transformer."


def build(sizes: dict[str, int], vocab_size: int, variant: str) -> DiT:
    return DiT(**sizes, text_num_embeds=vocab_size, **cases.SWITCHES[variant]).eval()


def random_weights(dit: DiT) -> dict[str, np.ndarray]:
    """Seeded weights under official names without prefix; the rotary buffer stays real."""
    state = dit.state_dict()
    weights = seeded_weights({key: tuple(value.shape) for key, value in state.items()})
    weights["rotary_embed.inv_freq"] = to_numpy(state["rotary_embed.inv_freq"])
    return weights


def batch(inputs: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {
        "x": torch.from_numpy(inputs["x"])[None],
        "cond": torch.from_numpy(inputs["cond"])[None],
        "text": torch.from_numpy(inputs["text_ids"]).long()[None],
    }


def forward_goldens(
    dit: DiT, variant: str, utterances: tuple[tuple[int, int, int], ...], vocab_size: int
) -> dict[str, np.ndarray]:
    """Text embeddings and velocities of both guidance branches, one utterance at a time."""
    mel_dim = dit.proj_out.out_features
    goldens = {}
    for frames, tokens, ref_frames in utterances:
        inputs = cases.utterance_inputs(
            frames, tokens, ref_frames, mel_dim=mel_dim, vocab_size=vocab_size
        )
        arguments, time = batch(inputs), torch.tensor(0.3)
        for branch, is_null in (("cond", False), ("null", True)):
            name = f"{variant}.{branch}.{frames}"
            if frames == cases.SOLVE_UTTERANCE[0]:
                text = dit.text_embed(arguments["text"], seq_len=frames, drop_text=is_null)
                goldens[f"text.{name}"] = to_numpy(text)[0]
            out = dit(**arguments, time=time, drop_audio_cond=is_null, drop_text=is_null)
            goldens[f"velocity.{name}"] = to_numpy(out)[0]
    return goldens


def block_goldens(dit: DiT, variant: str) -> dict[str, np.ndarray]:
    """Time embedding and the second block on a random input."""
    frames = cases.UTTERANCES[0][0]
    embedding = dit.time_embed(torch.tensor(cases.TIMES))
    x = torch.from_numpy(seeded_normal("block", (1, frames, cases.DIM)))
    rope = dit.rotary_embed.forward_from_seq_len(frames)
    out = dit.transformer_blocks[1](x, embedding[2:3], mask=None, rope=rope)
    return {
        "time_embedding": to_numpy(embedding),
        f"block.{variant}": to_numpy(out)[0],
    }


def solve(dit: DiT, steps: int, guidance_scale: float, sway: float | None) -> np.ndarray:
    frames, tokens, ref_frames = cases.SOLVE_UTTERANCE
    inputs = cases.utterance_inputs(
        frames, tokens, ref_frames, mel_dim=cases.MEL_DIM, vocab_size=cases.VOCAB_SIZE
    )
    noise = torch.from_numpy(seeded_normal("noise", (frames, cases.MEL_DIM)))
    mel_spec = torch.nn.Identity()
    mel_spec.n_mel_channels = cases.MEL_DIM
    sampler = cfm.CFM(dit, mel_spec_module=mel_spec)
    # The reference draws its noise inside; torch's generator cannot be reproduced elsewhere.
    with mock.patch.object(torch, "randn", lambda *_, **__: noise.clone()):
        mel, _ = sampler.sample(
            torch.from_numpy(inputs["cond"][None, :ref_frames]),
            torch.from_numpy(inputs["text_ids"]).long()[None],
            frames,
            steps=steps,
            cfg_strength=guidance_scale,
            sway_sampling_coef=sway,
        )
    return to_numpy(mel)[0]


def grid_goldens() -> dict[str, np.ndarray]:
    """Time grids in float64, plain and with sway -1."""
    goldens = {}
    for steps in cases.GRID_STEPS:
        times = f5_text.get_epss_timesteps(steps, device="cpu", dtype=torch.float64)
        swayed = times - (torch.cos(torch.pi / 2 * times) - 1 + times)
        goldens[f"grid.{steps}"] = to_numpy(torch.stack([times, swayed]))
    return goldens


def make_tiny() -> None:
    goldens = grid_goldens()
    for variant in cases.VARIANTS:
        dit = build(cases.TINY_SIZES, cases.VOCAB_SIZE, variant)
        half = {k: torch.from_numpy(v).bfloat16() for k, v in random_weights(dit).items()}
        load_weights(dit, {k: to_numpy(v.float()) for k, v in half.items()})
        # bfloat16 would spoil the one buffer that is not a weight.
        dit.rotary_embed = RotaryEmbedding(cases.TINY_SIZES["dim_head"])
        half["rotary_embed.inv_freq"] = dit.rotary_embed.inv_freq
        goldens |= forward_goldens(dit, variant, cases.UTTERANCES, cases.VOCAB_SIZE)
        goldens |= block_goldens(dit, variant)
        for name, steps, guidance_scale, sway in cases.SOLVES:
            goldens[f"solve.{variant}.{name}"] = solve(dit, steps, guidance_scale, sway)
    file = {PREFIX + key: value.contiguous() for key, value in half.items()}
    file |= {"initted": torch.tensor(True), "step": torch.tensor(1250000)}
    save_file(file, FOLDER / "tiny.safetensors")
    np.savez(FOLDER / "tiny.npz", **goldens)


def make_base() -> None:
    """Full-size outputs in the two variants; the weights are the same."""
    goldens: dict[str, np.ndarray] = {}
    weights = None
    for variant in cases.VARIANTS:
        dit = build(cases.BASE_SIZES, cases.BASE_VOCAB_SIZE, variant)
        weights = weights or random_weights(dit)
        load_weights(dit, weights)
        goldens |= forward_goldens(dit, variant, (cases.BASE_UTTERANCE,), cases.BASE_VOCAB_SIZE)
    np.savez(FOLDER / "base.npz", **goldens)


def main() -> None:
    torch.manual_seed(0)
    torch.set_grad_enabled(False)
    FOLDER.mkdir(exist_ok=True)
    make_tiny()
    make_base()


if __name__ == "__main__":
    main()
