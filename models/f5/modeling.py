"""The F5-TTS diffusion transformer in Flax NNX (specs: f5-tts 2).

Axis legend: b batch, n mel frames, m mel bins, d width, e text width, h heads, k head width,
i positions, l layers, s time values. Every row of a batch has its own number of valid frames
(`lengths`);
nothing beyond it can reach the valid part (three places leak in the reference: the GRN of the
text blocks, the two position convolutions and the attention keys).

With `patch_frames` p > 1 the transformer sees one position per p frames: mels enter and leave
as (b, n, m), n a multiple of p, and everything between has n/p positions (legend: i).

Products run in `dtype` (float32, or bfloat16 with float32 accumulation); everything else,
norms, softmax, modulation and the residual stream, stays float32.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from jaxtyping import Bool, Float, Int

from kernels.attention import attention
from kernels.attention.api import Implementation
from kernels.depthwise_conv import depthwise_conv
from kernels.matmul import matmul
from models.f5.config import F5Config
from models.flow import Modulation

NORM_EPS = 1e-6
TIME_FREQUENCIES = 128
TEXT_KERNEL = 7


def layer_norm(x: Float[Array, "b n d"]) -> Float[Array, "b n d"]:
    """LayerNorm without scale or shift, in float32."""
    x = x.astype(jnp.float32)
    mean = jnp.mean(x, axis=-1, keepdims=True)
    centred = x - mean
    variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt(variance + NORM_EPS)


def frame_mask(lengths: Int[Array, " b"], num_frames: int) -> Bool[Array, "b n 1"]:
    """True on each row's own frames."""
    return (jnp.arange(num_frames)[None, :] < lengths[:, None])[..., None]


def patch_lengths(lengths: Int[Array, " b"], patch_frames: int) -> Int[Array, " b"]:
    """Positions that hold at least one valid frame."""
    return -(-lengths // patch_frames)


def stack_frames(x: Float[Array, "b n c"], patch_frames: int) -> Float[Array, "b i pc"]:
    """(b, n, c) -> (b, n / p, p c): p consecutive frames side by side."""
    b, n, c = x.shape
    return x.reshape(b, n // patch_frames, patch_frames * c)


def _normal(rngs: nnx.Rngs, *shape: int, fan_in: int) -> nnx.Param:
    scale = 1.0 / np.sqrt(fan_in)
    return nnx.Param(jax.random.normal(rngs.params(), shape, jnp.float32) * scale)


class Dense(nnx.Module):
    """y = x @ kernel + bias; kernel (inputs, outputs)."""

    def __init__(
        self, inputs: int, outputs: int, *, rngs: nnx.Rngs, dtype: jnp.dtype, is_zero: bool = False
    ) -> None:
        self.kernel = _normal(rngs, inputs, outputs, fan_in=inputs)
        if is_zero:
            self.kernel = nnx.Param(jnp.zeros((inputs, outputs), jnp.float32))
        self.bias = nnx.Param(jnp.zeros((outputs,), jnp.float32))
        self.dtype = dtype

    def __call__(self, x: Float[Array, "*b i"]) -> Float[Array, "*b o"]:
        return matmul(x, self.kernel[...], dtype=self.dtype) + self.bias[...]


class TimeEmbedding(nnx.Module):
    """Time in [0, 1] -> width d; sines then cosines of 1000 t f_k (specs: f5-tts 2.1)."""

    def __init__(self, config: F5Config, *, rngs: nnx.Rngs) -> None:
        width = 2 * TIME_FREQUENCIES
        self.hidden = Dense(width, config.dim, rngs=rngs, dtype=jnp.float32)
        self.out = Dense(config.dim, config.dim, rngs=rngs, dtype=jnp.float32)

    def __call__(self, times: Float[Array, " s"]) -> Float[Array, "s d"]:
        # The denominator is 127, not 128: the reference spans the frequencies end to end.
        exponent = np.arange(TIME_FREQUENCIES) * (-np.log(10000.0) / (TIME_FREQUENCIES - 1))
        frequencies = jnp.asarray(np.exp(exponent), jnp.float32)
        angles = 1000.0 * times.astype(jnp.float32)[:, None] * frequencies[None, :]
        features = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
        return self.out(jax.nn.silu(self.hidden(features)))


class GuidanceEmbedding(nnx.Module):
    """Guidance scale -> width d, added to the time's; starts as zero (arXiv 2210.03142, 3)."""

    def __init__(self, config: F5Config, *, rngs: nnx.Rngs) -> None:
        self.hidden = Dense(1, config.dim, rngs=rngs, dtype=jnp.float32)
        self.out = Dense(config.dim, config.dim, rngs=rngs, dtype=jnp.float32, is_zero=True)

    def __call__(self, scales: Float[Array, " s"]) -> Float[Array, "s d"]:
        return self.out(jax.nn.silu(self.hidden(scales[:, None])))


def global_response_norm(
    x: Float[Array, "b n d"],
    gamma: Float[Array, " d"],
    beta: Float[Array, " d"],
    mask: Bool[Array, "b n 1"],
) -> Float[Array, "b n d"]:
    """GRN over time, restricted to each row's own frames (specs: f5-tts 2.2)."""
    energy = jnp.sum(jnp.where(mask, jnp.square(x), 0.0), axis=1, keepdims=True)
    # max() keeps the gradient of sqrt finite for an all-zero channel; the value is unchanged.
    norm = jnp.sqrt(jnp.maximum(energy, 1e-30))
    relative = norm / (jnp.mean(norm, axis=-1, keepdims=True) + 1e-6)
    return gamma * (x * relative) + beta + x


class TextBlock(nnx.Module):
    """ConvNeXt V2 block over text positions: exact (erf) GELU and a GRN over time."""

    def __init__(self, width: int, *, rngs: nnx.Rngs, dtype: jnp.dtype) -> None:
        self.conv_kernel = _normal(rngs, TEXT_KERNEL, width, fan_in=TEXT_KERNEL)
        self.conv_bias = nnx.Param(jnp.zeros((width,), jnp.float32))
        self.norm_scale = nnx.Param(jnp.ones((width,), jnp.float32))
        self.norm_bias = nnx.Param(jnp.zeros((width,), jnp.float32))
        self.expand = Dense(width, 2 * width, rngs=rngs, dtype=dtype)
        self.grn_gamma = nnx.Param(jnp.zeros((2 * width,), jnp.float32))
        self.grn_beta = nnx.Param(jnp.zeros((2 * width,), jnp.float32))
        self.project = Dense(2 * width, width, rngs=rngs, dtype=dtype)

    def __call__(
        self, x: Float[Array, "b n e"], mask: Bool[Array, "b n 1"]
    ) -> Float[Array, "b n e"]:
        y = depthwise_conv(jnp.where(mask, x, 0.0), self.conv_kernel[...], self.conv_bias[...])
        y = layer_norm(y) * self.norm_scale[...] + self.norm_bias[...]
        y = jax.nn.gelu(self.expand(y), approximate=False)
        y = global_response_norm(y, self.grn_gamma[...], self.grn_beta[...], mask)
        return x + self.project(y)


class TextEmbedding(nnx.Module):
    """Token ids -> one vector per frame (specs: f5-tts 2.2).

    Ids come unshifted with -1 as filler; row 0 of the table is the filler.
    """

    def __init__(self, config: F5Config, *, rngs: nnx.Rngs, dtype: jnp.dtype) -> None:
        self.config = config
        rows = config.vocab_size + 1
        width = config.text_dim // config.patch_frames
        self.table = nnx.Param(jax.random.normal(rngs.params(), (rows, width)))
        self.blocks = nnx.List(
            [TextBlock(config.text_dim, rngs=rngs, dtype=dtype) for _ in range(config.conv_layers)]
        )

    def __call__(
        self, text_ids: Int[Array, "b n"], lengths: Int[Array, " b"], *, is_null: bool
    ) -> Float[Array, "b i e"]:
        """(b, n) ids, one column per frame -> (b, n / p, e). `is_null`: the unguided branch."""
        config = self.config
        patch = config.patch_frames
        ids = text_ids + 1
        if is_null and config.text_layout == "aligned":
            b, n = ids.shape
            return jnp.zeros((b, n // patch, config.text_dim), jnp.float32)
        present = (ids > 0) & frame_mask(lengths, ids.shape[1])[..., 0]
        inside = frame_mask(patch_lengths(lengths, patch), ids.shape[1] // patch)
        # The pad mask is taken before the text is dropped (trap 6 of the spec).
        keep = inside
        if config.text_mask_padding:
            keep = jnp.any(present.reshape(*inside.shape[:2], patch), axis=-1, keepdims=True)
        x = self.table[...][jnp.zeros_like(ids) if is_null else ids]
        if patch > 1:
            x = stack_frames(jnp.where(present[..., None], x, 0.0), patch)
        if config.text_layout == "packed" and config.conv_layers:
            x = x + jnp.asarray(_text_positions(ids.shape[1], config.text_dim))
        x = jnp.where(keep, x, 0.0)
        for block in self.blocks:
            x = jnp.where(keep, block(x, inside), 0.0)
        return x


def _text_positions(num_positions: int, width: int) -> Float[np.ndarray, "n e"]:
    """Absolute positions: all cosines, then all sines (not interleaved)."""
    frequencies = 10000.0 ** (-2.0 * np.arange(width // 2) / width)
    angles = np.arange(num_positions)[:, None] * frequencies[None, :]
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=-1).astype(np.float32)


class PositionConv(nnx.Module):
    """Two grouped convolutions with Mish; padded frames are zeroed around each of them."""

    def __init__(self, config: F5Config, *, rngs: nnx.Rngs) -> None:
        self.groups = config.conv_pos_groups
        width = config.dim // config.conv_pos_groups
        shape = (config.conv_pos_kernel, width, config.dim)
        fan_in = config.conv_pos_kernel * width
        self.kernel_1 = _normal(rngs, *shape, fan_in=fan_in)
        self.bias_1 = nnx.Param(jnp.zeros((config.dim,), jnp.float32))
        self.kernel_2 = _normal(rngs, *shape, fan_in=fan_in)
        self.bias_2 = nnx.Param(jnp.zeros((config.dim,), jnp.float32))

    def __call__(
        self, x: Float[Array, "b n d"], mask: Bool[Array, "b n 1"]
    ) -> Float[Array, "b n d"]:
        x = self._convolve(jnp.where(mask, x, 0.0), self.kernel_1[...], self.bias_1[...])
        x = _mish(jnp.where(mask, x, 0.0))
        x = self._convolve(x, self.kernel_2[...], self.bias_2[...])
        return _mish(jnp.where(mask, x, 0.0))

    def _convolve(
        self, x: Float[Array, "b n d"], kernel: Float[Array, "w g d"], bias: Float[Array, " d"]
    ) -> Float[Array, "b n d"]:
        if kernel.shape[1] == 1:
            return depthwise_conv(x, kernel[:, 0], bias)
        y = jax.lax.conv_general_dilated(
            x,
            kernel,
            window_strides=(1,),
            padding="SAME",
            dimension_numbers=("NWC", "WIO", "NWC"),
            feature_group_count=self.groups,
            precision=jax.lax.Precision.HIGHEST,  # an accelerator's default would be TF32
        )
        return y + bias


def _mish(x: Float[Array, "*b d"]) -> Float[Array, "*b d"]:
    return x * jnp.tanh(jax.nn.softplus(x))


def rotary_tables(num_frames: int, dim_head: int) -> tuple[Float[Array, "n j"], ...]:
    """Cosines and sines of p * 10000^(-2j/k), float32 (specs: f5-tts 2.4)."""
    frequencies = 10000.0 ** (-np.arange(0, dim_head, 2) / dim_head)
    angles = np.arange(num_frames)[:, None] * frequencies[None, :]
    return jnp.asarray(np.cos(angles), jnp.float32), jnp.asarray(np.sin(angles), jnp.float32)


def rotate(x: Float[Array, "b n h k"], num_rotated: int | None) -> Float[Array, "b n h k"]:
    """Interleaved rotary positions on the first `num_rotated` heads (None: all)."""
    cos, sin = rotary_tables(x.shape[1], x.shape[-1])
    cos, sin = cos[None, :, None, :], sin[None, :, None, :]
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    even, odd = pairs[..., 0], pairs[..., 1]
    turned = jnp.stack([even * cos - odd * sin, odd * cos + even * sin], axis=-1)
    turned = turned.reshape(x.shape)
    if num_rotated is None:
        return turned
    return jnp.concatenate([turned[:, :, :num_rotated], x[:, :, num_rotated:]], axis=2)


class Block(nnx.Module):
    """One transformer block, modulated by the time (AdaLN), specs: f5-tts 2.4."""

    def __init__(self, config: F5Config, *, rngs: nnx.Rngs, dtype: jnp.dtype) -> None:
        inner = config.heads * config.dim_head
        hidden = config.dim * config.ff_mult
        self.config = config
        self.dtype = dtype
        self.modulation = Dense(
            config.dim, 6 * config.dim, rngs=rngs, dtype=jnp.float32, is_zero=True
        )
        # q, k and v side by side: one product of width 3 h k instead of three.
        self.qkv = Dense(config.dim, 3 * inner, rngs=rngs, dtype=dtype)
        self.out = Dense(inner, config.dim, rngs=rngs, dtype=dtype)
        self.expand = Dense(config.dim, hidden, rngs=rngs, dtype=dtype)
        self.project = Dense(hidden, config.dim, rngs=rngs, dtype=dtype)

    def __call__(
        self,
        x: Float[Array, "b n d"],
        modulation: Float[Array, "b 6 d"],
        lengths: Int[Array, " b"],
        mask: Bool[Array, "b n 1"],
        implementation: Implementation | None = None,
    ) -> Float[Array, "b n d"]:
        vectors = [modulation[:, i, None, :] for i in range(6)]
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = vectors
        with jax.named_scope("attention"):
            y = layer_norm(x) * (1.0 + scale_a) + shift_a
            x = x + gate_a * jnp.where(mask, self.attend(y, lengths, implementation), 0.0)
        with jax.named_scope("feed_forward"):
            y = layer_norm(x) * (1.0 + scale_m) + shift_m
            y = self.project(jax.nn.gelu(self.expand(y), approximate=True))
        return x + gate_m * y

    def attend(
        self,
        x: Float[Array, "b n d"],
        lengths: Int[Array, " b"],
        implementation: Implementation | None,
    ) -> Float[Array, "b n d"]:
        b, n, _ = x.shape
        config = self.config
        qkv = self.qkv(x).reshape(b, n, 3, config.heads, config.dim_head)
        q = rotate(qkv[:, :, 0], config.pe_attn_head)
        k = rotate(qkv[:, :, 1], config.pe_attn_head)
        y = attention(q, k, qkv[:, :, 2], lengths, dtype=self.dtype, implementation=implementation)
        return self.out(y.reshape(b, n, -1))


class F5Model(nnx.Module):
    """DiT that predicts the flow's velocity x1 - x0.

    `dtype` is the type of the products' operands. The blocks' parameters are stacked along a
    leading layer axis and scanned: 20 leaves instead of 400 and a program of one block.
    """

    def __init__(
        self,
        config: F5Config,
        *,
        rngs: nnx.Rngs,
        dtype: jnp.dtype = jnp.float32,
        attention_implementation: Implementation | None = None,
    ) -> None:
        self.config = config
        self.attention_implementation: Implementation | None = attention_implementation
        self.is_remat = False
        self.time_embedding = TimeEmbedding(config, rngs=rngs)
        if config.max_guidance is not None:
            self.guidance_embedding = GuidanceEmbedding(config, rngs=rngs)
        self.text_embedding = TextEmbedding(config, rngs=rngs, dtype=dtype)
        self.patch_dim = config.patch_frames * config.mel_dim
        width = 2 * self.patch_dim + config.text_dim
        self.input_proj = Dense(width, config.dim, rngs=rngs, dtype=dtype)
        self.position_conv = PositionConv(config, rngs=rngs)

        @nnx.split_rngs(splits=config.depth)
        @nnx.vmap(in_axes=0, out_axes=0)
        def make_blocks(rngs: nnx.Rngs) -> Block:
            return Block(config, rngs=rngs, dtype=dtype)

        self.blocks = make_blocks(rngs)
        self.final_modulation = Dense(
            config.dim, 2 * config.dim, rngs=rngs, dtype=jnp.float32, is_zero=True
        )
        self.output = Dense(config.dim, self.patch_dim, rngs=rngs, dtype=dtype, is_zero=True)

    def modulate(
        self, times: Float[Array, " s"], guidance_scales: Float[Array, " s"]
    ) -> Modulation:
        """AdaLN vectors of all layers for some times; reusable by every row at that time.

        The scales matter to a network that takes them as an input alone (`max_guidance`).
        """
        embedding = self.time_embedding(times)
        if self.config.max_guidance is not None:
            embedding = embedding + self.guidance_embedding(guidance_scales)
        embedding = jax.nn.silu(embedding)
        kernels, biases = self.blocks.modulation.kernel[...], self.blocks.modulation.bias[...]
        # HIGHEST: a modulation error multiplies everything behind it, and this is cheap.
        blocks = jnp.einsum("sd,ldo->slo", embedding, kernels, precision="highest") + biases
        final = self.final_modulation(embedding)
        s, d = embedding.shape
        return Modulation(blocks.reshape(s, -1, 6, d), final.reshape(s, 2, d))

    def encode(
        self,
        cond: Float[Array, "b n m"],
        text_ids: Int[Array, "b n"],
        lengths: Int[Array, " b"],
        *,
        is_null: bool = False,
    ) -> Float[Array, "b i d"]:
        """The part of the input projection that does not change over the solve.

        `cond` is the reference mel, zero elsewhere, standardised; the null branch of
        classifier-free guidance drops both audio and text.
        """
        text = self.text_embedding(text_ids, lengths, is_null=is_null)
        kernel, m = self.input_proj.kernel[...], self.patch_dim
        static = matmul(text, kernel[2 * m :], dtype=self.input_proj.dtype)
        if not is_null:
            cond = stack_frames(cond, self.config.patch_frames)
            static = static + matmul(cond, kernel[m : 2 * m], dtype=self.input_proj.dtype)
        return static + self.input_proj.bias[...]

    def encode_branches(
        self,
        cond: Float[Array, "b n m"],
        text_ids: Int[Array, "b n"],
        lengths: Int[Array, " b"],
        num_branches: int | None = None,
    ) -> Float[Array, "b c i d"]:
        """`encode` for the branches of a guided step, the null one last; None: as many as the
        network needs."""
        num = self.config.num_branches if num_branches is None else num_branches
        branches = [
            self.encode(cond, text_ids, lengths, is_null=is_null) for is_null in (False, True)[:num]
        ]
        return jnp.stack(branches, axis=1)

    def velocity(
        self,
        x: Float[Array, "b n m"],
        static: Float[Array, "b i d"],
        modulation: Modulation,
        lengths: Int[Array, " b"],
    ) -> Float[Array, "b n m"]:
        """Velocity at x for one branch; `modulation` holds one time value per row (s = b)."""
        patch, shape = self.config.patch_frames, x.shape
        if patch > 1:  # the last position of a row may be half padding
            x = stack_frames(jnp.where(frame_mask(lengths, shape[1]), x, 0.0), patch)
            lengths = patch_lengths(lengths, patch)
        mask = frame_mask(lengths, x.shape[1])
        kernel = self.input_proj.kernel[...][: self.patch_dim]
        h = matmul(x, kernel, dtype=self.input_proj.dtype) + static
        h = h + self.position_conv(h, mask)
        h = self._run_blocks(h, modulation.blocks, lengths, mask)
        scale, shift = modulation.final[:, 0, None, :], modulation.final[:, 1, None, :]
        return self.output(layer_norm(h) * (1.0 + scale) + shift).reshape(shape)

    def _run_blocks(
        self,
        h: Float[Array, "b n d"],
        modulation: Float[Array, "b l 6 d"],
        lengths: Int[Array, " b"],
        mask: Bool[Array, "b n 1"],
    ) -> Float[Array, "b n d"]:
        graph, params = nnx.split(self.blocks)

        def body(h: Array, layer: tuple[nnx.State, Array]) -> tuple[Array, None]:
            block = nnx.merge(graph, layer[0])
            return block(h, layer[1], lengths, mask, self.attention_implementation), None

        if self.is_remat:
            body = jax.checkpoint(body)
        return jax.lax.scan(body, h, (params, jnp.moveaxis(modulation, 1, 0)))[0]
