"""Weights, directions and a batch for a work, the same numbers for every peer (NumPy, fixed seeds)."""

import math

import numpy as np
from numpy.typing import NDArray

from works import CLASSES, TANGENTS, Work, parameter_shapes

Array = NDArray[np.float32]
Arrays = dict[str, Array]

TAU_SCALE = 0.02  # of a direction's elements relative to the weights': tau = theta - theta0 of a fine-tuned model


def _scale(name: str, shape: tuple[int, ...]) -> float:
    """Standard deviation of a parameter, so that activations keep their size."""
    if name == "proj":
        return 1.0 / math.sqrt(shape[0])
    if name.endswith("embedding"):
        return 0.5
    return 1.0 / math.sqrt(math.prod(shape[1:])) if len(shape) > 1 else 0.1


def _random(work: Work, seed: int, factor: float) -> Arrays:
    random = np.random.default_rng(seed)
    return {
        name: random.standard_normal(shape, dtype=np.float32) * np.float32(factor * _scale(name, shape))
        for name, shape in parameter_shapes(work).items()
    }


def theta0(work: Work) -> Arrays:
    """The pre-trained point; layer norm weights are around 1."""
    params = _random(work, 1, 1.0)
    for name in params:
        if name.endswith(".weight") and "ln_" in name:
            params[name] += 1.0
    return params


def direction(work: Work, k: int) -> Arrays:
    """Direction k of `TANGENTS`."""
    assert 0 <= k < TANGENTS
    return _random(work, 100 + k, TAU_SCALE)


def batch(work: Work, size: int) -> tuple[Array, NDArray[np.int64]]:
    """Images [size, 3, image, image] and labels [size]."""
    images = np.random.default_rng(2).standard_normal((size, 3, work.image, work.image), dtype=np.float32)
    return images, np.arange(size, dtype=np.int64) % CLASSES


def head(work: Work) -> Array:
    """The fixed head [CLASSES, embedding], rows of length 1."""
    rows = np.random.default_rng(3).standard_normal((CLASSES, work.embedding), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
