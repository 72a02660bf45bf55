"""CLIP's image tower in JAX as a pure function of a dict of arrays; the mathematics of models/vit.cpp.

The formulas are at the top of torch_model.py. Of the last block only what the class token needs is computed.
Shapes: B batch, T tokens, w width, H heads, d = w / H, p patch, g grid, E embedding.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from works import LAYER_NORM_EPS, LOGIT_SCALE, Work

Params = dict[str, Array]


def product(x: Array, weight: Array) -> Array:
    """x Wᵀ.  x [..., in], W [out, in] -> [..., out].

    In two dimensions, because XLA's transposed product of more than one batch axis takes twice as long.
    """
    return (x.reshape(-1, x.shape[-1]) @ weight.T).reshape(*x.shape[:-1], -1)


def linear(params: Params, name: str, x: Array) -> Array:
    return product(x, params[f"{name}.weight"]) + params[f"{name}.bias"]


def layer_norm(params: Params, name: str, x: Array) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    rho = jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + LAYER_NORM_EPS)
    return centred * rho * params[f"{name}.weight"] + params[f"{name}.bias"]


def quick_gelu(x: Array) -> Array:
    return x * jax.nn.sigmoid(1.702 * x)


def patches(images: Array, p: int) -> Array:
    """images [B, 3, g p, g p] -> [B, g², 3 p²], elements in the order of a convolution's kernel."""
    B, g = images.shape[0], images.shape[2] // p
    return images.reshape(B, 3, g, p, g, p).transpose(0, 2, 4, 1, 3, 5).reshape(B, g * g, 3 * p * p)


def nth(x: Array, axis: int, n: int) -> Array:
    """x[..., n, ...] as a product with a unit vector: neural-tangents' structured derivatives have no rule for slices."""
    return jnp.tensordot(x, np.eye(x.shape[axis], dtype=np.float32)[n], axes=(axis, 0))


def attention(params: Params, name: str, x: Array, heads: int, queries: int | None, slices: bool) -> Array:
    """Self-attention of the first `queries` tokens (None: all) to all.  x [B, T, w] -> [B, queries, w]."""
    B, T, w = x.shape
    d = w // heads
    weight, bias = params[f"{name}.in_proj_weight"], params[f"{name}.in_proj_bias"]
    if not slices:
        Q = T
        qkv = (product(x, weight) + bias).reshape(B, T, 3, heads, d)
        q, k, v = (nth(qkv, 2, n).swapaxes(1, 2) for n in range(3))
    elif queries is None:
        Q = T
        q, k, v = (product(x, weight) + bias).reshape(B, T, 3, heads, d).transpose(2, 0, 3, 1, 4)
    else:
        Q = queries
        q = (product(x[:, :Q], weight[:w]) + bias[:w]).reshape(B, Q, heads, d).swapaxes(1, 2)
        k, v = (product(x, weight[w:]) + bias[w:]).reshape(B, T, 2, heads, d).transpose(2, 0, 3, 1, 4)
    p = jax.nn.softmax(q * d**-0.5 @ k.swapaxes(-1, -2), axis=-1)
    y = (p @ v).swapaxes(1, 2).reshape(B, Q, w)
    return linear(params, f"{name}.out_proj", y)


def block(params: Params, name: str, x: Array, heads: int, queries: int | None, slices: bool) -> Array:
    y = attention(params, f"{name}.attn", layer_norm(params, f"{name}.ln_1", x), heads, queries, slices)
    x = (x if queries is None else x[:, :queries]) + y
    h = quick_gelu(linear(params, f"{name}.mlp.c_fc", layer_norm(params, f"{name}.ln_2", x)))
    return x + linear(params, f"{name}.mlp.c_proj", h)


def features(params: Params, images: Array, work: Work, slices: bool = True) -> Array:
    """f(x; theta), not normalised.  images [B, 3, image, image] -> [B, E].

    Without slices all tokens are computed in the last block as well.
    """
    B, w = images.shape[0], work.width
    tokens = product(patches(images, work.patch), params["conv1.weight"].reshape(w, -1))
    first = jnp.broadcast_to(params["class_embedding"], (B, 1, w))
    x = layer_norm(params, "ln_pre", jnp.concatenate([first, tokens], axis=1) + params["positional_embedding"])
    for n in range(work.depth):
        last = n + 1 == work.depth
        x = block(params, f"transformer.resblocks.{n}", x, work.heads, 1 if last and slices else None, slices)
    return layer_norm(params, "ln_post", x[:, 0] if slices else nth(x, 1, 0)) @ params["proj"]


def head_loss(z: Array, head: Array, labels: Array) -> Array:
    """Mean cross entropy of 100 (z / |z|) Wᵀ.  z [B, E], head W [K, E], labels [B] -> scalar."""
    normalised = z * jax.lax.rsqrt((z * z).sum(-1, keepdims=True))
    log_p = jax.nn.log_softmax(LOGIT_SCALE * normalised @ head.T)
    return -jnp.take_along_axis(log_p, labels[:, None], axis=-1).mean()
