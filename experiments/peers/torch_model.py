"""CLIP's image tower in PyTorch as a pure function of a dict of tensors; the mathematics of models/vit.cpp.

    x0 = ln_pre([class_embedding; patches W] + positional_embedding)
    x  = x + attn(ln_1(x));  x = x + mlp(ln_2(x))          for every block
    y  = ln_post(x[class token]) @ proj

Of the last block only what the class token needs is computed: keys and values of all tokens, the rest of that one.
Shapes: B batch, T tokens, w width, H heads, d = w / H, p patch, g grid, E embedding.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from works import LAYER_NORM_EPS, LOGIT_SCALE, Work

Params = dict[str, Tensor]


@dataclass(frozen=True)
class Kernels:
    """Which library kernels stand for formulas."""

    attention: bool
    activation: bool


FUSED = Kernels(attention=True, activation=True)
EXPLICIT_ATTENTION = Kernels(attention=False, activation=True)
WRITTEN_OUT = Kernels(attention=False, activation=False)  # what forward mode can push


def linear(params: Params, name: str, x: Tensor) -> Tensor:
    return F.linear(x, params[f"{name}.weight"], params[f"{name}.bias"])


def layer_norm(params: Params, name: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], params[f"{name}.weight"], params[f"{name}.bias"], LAYER_NORM_EPS)


def quick_gelu(x: Tensor, fused: bool) -> Tensor:
    """x sigmoid(1.702 x) = silu(1.702 x) / 1.702; the latter keeps one tensor fewer for backward."""
    return F.silu(1.702 * x) * (1.0 / 1.702) if fused else x * torch.sigmoid(1.702 * x)


def patches(images: Tensor, p: int) -> Tensor:
    """images [B, 3, g p, g p] -> [B, g², 3 p²], elements in the order of a convolution's kernel."""
    B, g = images.shape[0], images.shape[2] // p
    return images.reshape(B, 3, g, p, g, p).permute(0, 2, 4, 1, 3, 5).reshape(B, g * g, 3 * p * p)


def attend(q: Tensor, k: Tensor, v: Tensor, fused: bool) -> Tensor:
    """softmax(Q Kᵀ / sqrt(d)) V.  q [B, H, Q, d], k and v [B, H, T, d] -> [B, H, Q, d].

    The fused kernel has no forward-mode derivative, so what is pushed forward is written out.
    """
    if fused:
        return F.scaled_dot_product_attention(q, k, v)
    return torch.softmax(q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2), dim=-1) @ v


def attention(params: Params, name: str, x: Tensor, heads: int, kernels: Kernels, queries: int | None) -> Tensor:
    """Self-attention of the first `queries` tokens (None: all) to all.  x [B, T, w] -> [B, queries, w]."""
    B, T, w = x.shape
    weight, bias = params[f"{name}.in_proj_weight"], params[f"{name}.in_proj_bias"]
    if queries is None:
        Q = T
        qkv = F.linear(x, weight, bias).reshape(B, T, 3, heads, w // heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
    else:
        Q = queries
        q = F.linear(x[:, :Q], weight[:w], bias[:w]).reshape(B, Q, heads, w // heads).transpose(1, 2)
        kv = F.linear(x, weight[w:], bias[w:]).reshape(B, T, 2, heads, w // heads).permute(2, 0, 3, 1, 4)
        k, v = kv.unbind(0)
    y = attend(q, k, v, kernels.attention).transpose(1, 2).reshape(B, Q, w)
    return linear(params, f"{name}.out_proj", y)


def block(params: Params, name: str, x: Tensor, heads: int, kernels: Kernels, queries: int | None) -> Tensor:
    y = attention(params, f"{name}.attn", layer_norm(params, f"{name}.ln_1", x), heads, kernels, queries)
    x = (x if queries is None else x[:, :queries]) + y
    h = linear(params, f"{name}.mlp.c_fc", layer_norm(params, f"{name}.ln_2", x))
    h = quick_gelu(h, kernels.activation)
    return x + linear(params, f"{name}.mlp.c_proj", h)


def features(params: Params, images: Tensor, work: Work, kernels: Kernels) -> Tensor:
    """f(x; theta), not normalised.  images [B, 3, image, image] -> [B, E]."""
    B = images.shape[0]
    tokens = F.linear(patches(images, work.patch), params["conv1.weight"].flatten(1))
    first = params["class_embedding"].expand(B, 1, work.width)
    x = layer_norm(params, "ln_pre", torch.cat([first, tokens], dim=1) + params["positional_embedding"])
    for n in range(work.depth):
        last = n + 1 == work.depth
        x = block(params, f"transformer.resblocks.{n}", x, work.heads, kernels, 1 if last else None)
    return layer_norm(params, "ln_post", x[:, 0]) @ params["proj"]


def head_loss(z: Tensor, head: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy of 100 (z / |z|) Wᵀ.  z [B, E], head W [K, E], labels [B] -> scalar."""
    return F.cross_entropy(LOGIT_SCALE * F.linear(F.normalize(z, dim=-1), head), labels)
