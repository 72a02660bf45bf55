"""CLIP's image tower (a pre-norm ViT) as a pure function of a dict of named tensors.

Names and mathematics are those of OpenAI CLIP / open_clip without the prefix `visual.`:

    x0 = ln_pre([class_embedding; patches(images)] + positional_embedding)
    x  = x + attn(ln_1(x));  x = x + mlp(ln_2(x))          for every block
    y  = ln_post(x[class token]) @ proj

Shapes: B batch, T = grid² + 1 tokens, w width, H heads, d = w / H, p patch, E embed.
Linear weights are [out, in] and act as x Wᵀ + b, except `proj` [w, E], which acts as x @ proj.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Params = dict[str, Tensor]

LAYER_NORM_EPS = 1e-5


@dataclass(frozen=True)
class ViTConfig:
    """Extents and options of the tower. `embed` None: no proj, the output is [B, width]."""

    image: int = 8
    patch: int = 4
    width: int = 8
    depth: int = 2
    heads: int = 2
    mlp_ratio: int = 2
    embed: int | None = 6
    ln_pre: bool = True
    activation: str = "quick_gelu"  # or "gelu", the erf form

    @property
    def grid(self) -> int:
        return self.image // self.patch

    @property
    def output_width(self) -> int:
        return self.width if self.embed is None else self.embed


def parameter_shapes(config: ViTConfig) -> dict[str, tuple[int, ...]]:
    """Every parameter's shape, in the order in which the tower uses them."""
    w, hidden = config.width, config.width * config.mlp_ratio
    shapes: dict[str, tuple[int, ...]] = {
        "conv1.weight": (w, 3, config.patch, config.patch),
        "class_embedding": (w,),
        "positional_embedding": (config.grid**2 + 1, w),
    }
    if config.ln_pre:
        shapes |= {"ln_pre.weight": (w,), "ln_pre.bias": (w,)}
    for n in range(config.depth):
        block = {
            "ln_1.weight": (w,),
            "ln_1.bias": (w,),
            "attn.in_proj_weight": (3 * w, w),
            "attn.in_proj_bias": (3 * w,),
            "attn.out_proj.weight": (w, w),
            "attn.out_proj.bias": (w,),
            "ln_2.weight": (w,),
            "ln_2.bias": (w,),
            "mlp.c_fc.weight": (hidden, w),
            "mlp.c_fc.bias": (hidden,),
            "mlp.c_proj.weight": (w, hidden),
            "mlp.c_proj.bias": (w,),
        }
        shapes |= {f"transformer.resblocks.{n}.{name}": shape for name, shape in block.items()}
    shapes |= {"ln_post.weight": (w,), "ln_post.bias": (w,)}
    if config.embed is not None:
        shapes["proj"] = (w, config.embed)
    return shapes


def layer_norm(params: Params, name: str, x: Tensor) -> Tensor:
    """γ (x − μ) / sqrt(σ² + eps) + β over the last axis, σ² biased.  x [..., w] → [..., w]."""
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred * centred).mean(-1, keepdim=True)
    x_hat = centred / torch.sqrt(variance + LAYER_NORM_EPS)
    return params[f"{name}.weight"] * x_hat + params[f"{name}.bias"]


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x Wᵀ + b.  x [..., in], weight [out, in], bias [out] → [..., out]."""
    return x @ weight.T + bias


def activate(x: Tensor, kind: str) -> Tensor:
    """x σ(1.702 x) for "quick_gelu", x Φ(x) for "gelu"; elementwise."""
    if kind == "quick_gelu":
        return x * torch.sigmoid(1.702 * x)
    if kind == "gelu":
        return 0.5 * x * (1.0 + torch.erf(x * 0.5**0.5))
    raise ValueError(f"[activate] kind must be 'quick_gelu' or 'gelu'; got {kind!r}.")


def softmax(scores: Tensor) -> Tensor:
    """Softmax over the last axis, written out so that torch.func.jvp differentiates each step."""
    e = torch.exp(scores - scores.amax(-1, keepdim=True))
    return e / e.sum(-1, keepdim=True)


def attention(params: Params, name: str, x: Tensor, heads: int) -> Tensor:
    """Multi-head self-attention, softmax(Q Kᵀ / sqrt(d)) V per head.  x [B, T, w] → [B, T, w].

    Rows of in_proj: 0..w-1 are q, w..2w-1 are k, 2w..3w-1 are v; head h owns h·d .. (h+1)·d-1.
    """
    B, T, w = x.shape
    d = w // heads
    qkv = linear(x, params[f"{name}.in_proj_weight"], params[f"{name}.in_proj_bias"])  # [B, T, 3w]
    q, k, v = qkv.reshape(B, T, 3, heads, d).permute(2, 0, 3, 1, 4)  # each [B, H, T, d]
    p = softmax(q @ k.transpose(-1, -2) * d**-0.5)  # [B, H, T, T]
    o = (p @ v).permute(0, 2, 1, 3).reshape(B, T, w)
    return linear(o, params[f"{name}.out_proj.weight"], params[f"{name}.out_proj.bias"])


def mlp(params: Params, name: str, x: Tensor, activation: str) -> Tensor:
    """Two linears around the activation.  x [B, T, w] → [B, T, w]."""
    h = activate(linear(x, params[f"{name}.c_fc.weight"], params[f"{name}.c_fc.bias"]), activation)
    return linear(h, params[f"{name}.c_proj.weight"], params[f"{name}.c_proj.bias"])


def embed_patches(params: Params, images: Tensor, config: ViTConfig) -> Tensor:
    """Patches in row-major order, class token in front, positions added.

    images [B, 3, image, image] → [B, T, w].
    """
    w = config.width
    patches = F.conv2d(images, params["conv1.weight"], stride=config.patch)  # [B, w, grid, grid]
    patches = patches.flatten(2).transpose(1, 2)  # [B, grid², w]
    class_token = params["class_embedding"].expand(images.shape[0], 1, w)
    return torch.cat([class_token, patches], dim=1) + params["positional_embedding"]


def vit(params: Params, images: Tensor, config: ViTConfig) -> Tensor:
    """The unnormalised image feature f(x; θ).  images [B, 3, image, image] → [B, E] or [B, w]."""
    x = embed_patches(params, images, config)
    if config.ln_pre:
        x = layer_norm(params, "ln_pre", x)
    for n in range(config.depth):
        block = f"transformer.resblocks.{n}"
        x = x + attention(params, f"{block}.attn", layer_norm(params, f"{block}.ln_1", x), config.heads)
        x = x + mlp(params, f"{block}.mlp", layer_norm(params, f"{block}.ln_2", x), config.activation)
    y = layer_norm(params, "ln_post", x[:, 0])  # the class token only
    return y if config.embed is None else y @ params["proj"]
