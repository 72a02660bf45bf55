"""The works in JAX, speaking the protocol of serve.py. How each variant is built and why: README.md.

XLA takes as many threads as the process has processors, so the first `prepare` confines the process to THREADS of
them; another number needs another process.

Usage: python jax_peer.py
"""

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

sys.dont_write_bytecode = True
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax  # noqa: E402  (the backend starts with the first array, after its threads are set)
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax import Array  # noqa: E402

import inputs  # noqa: E402
from jax_model import Params, features, head_loss  # noqa: E402
from serve import Flat, keep_memory, serve  # noqa: E402
from works import (ADAM_EPS, BETA1, BETA2, LEARNING_RATE, MAX_NORM, TANGENTS, WEIGHT_DECAY, Work)  # noqa: E402

Iteration = Callable[[], object]
State = tuple[Params, Params, Params, Array]  # theta, Adam's two moments, the number of steps
ValueAndGradient = Callable[..., tuple[Array, Params]]

map_leaves = jax.tree_util.tree_map


def arrays(source: inputs.Arrays) -> Params:
    return {name: jnp.asarray(value) for name, value in source.items()}


def minus(a: Params, b: Params) -> Params:
    return map_leaves(jnp.subtract, a, b)


def plus(a: Any, b: Any) -> Any:
    return map_leaves(jnp.add, a, b)


def clipped(theta_bar: Params) -> Params:
    """Scaled to a global norm of at most MAX_NORM, as PyTorch's clip_grad_norm_ does."""
    norm = jnp.sqrt(sum(jnp.vdot(value, value) for value in theta_bar.values()))
    factor = jnp.minimum(1.0, MAX_NORM / (norm + 1e-6))
    return map_leaves(lambda value: factor * value, theta_bar)


def adamw(state: State, theta_bar: Params) -> State:
    """One step with decoupled decay of theta."""
    theta, m, v, steps = state
    steps = steps + 1
    m = map_leaves(lambda m, g: BETA1 * m + (1.0 - BETA1) * g, m, theta_bar)
    v = map_leaves(lambda v, g: BETA2 * v + (1.0 - BETA2) * g * g, v, theta_bar)
    step_size = LEARNING_RATE / (1.0 - BETA1**steps)
    correction = jax.lax.rsqrt(1.0 - BETA2**steps)

    def updated(theta: Array, m: Array, v: Array) -> Array:
        decayed = (1.0 - LEARNING_RATE * WEIGHT_DECAY) * theta
        return decayed - step_size * m / (jnp.sqrt(v) * correction + ADAM_EPS)

    return map_leaves(updated, theta, m, v), m, v, steps


class JaxJob:
    """Weights, batch and variants of one work in one mode."""

    def __init__(self, work: Work, mode: str, threads: int, batch: int) -> None:
        confine(threads)
        jax.clear_caches()
        self.work, self.mode = work, mode
        self.theta0 = arrays(inputs.theta0(work))
        images, labels = inputs.batch(work, batch)
        self.images, self.labels = jnp.asarray(images), jnp.asarray(labels.astype(np.int32))
        self.head = jnp.asarray(inputs.head(work))
        if mode == "forward8":
            self.taus = [arrays(inputs.direction(work, k)) for k in range(TANGENTS)]
        if mode == "stream":
            taus = [inputs.direction(work, k) for k in range(TANGENTS)]
            self.stacked = {name: jnp.asarray(np.stack([tau[name] for tau in taus])) for name in taus[0]}
        if mode.endswith("_step"):
            self.start_training()

    def start_training(self) -> None:
        theta = plus(self.theta0, arrays(inputs.direction(self.work, 0)))
        zeros = functools.partial(map_leaves, jnp.zeros_like)
        self.state: State = (theta, zeros(theta), zeros(theta), jnp.zeros((), jnp.float32))

    def variants(self) -> dict[str, Callable[[], Iteration]]:
        return {
            "forward": {"jit": self.forward},
            "standard_step": {"grad": self.standard_step},
            "tangent_step": {"grad_of_jvp": lambda: self.tangent_step(self.grad_of_jvp),
                             "linearize": lambda: self.tangent_step(self.linearize_transpose)},
            "stream": {"linearize": self.stream_linearize, "vmap_jvp": self.stream_vmap_jvp},
            "forward8": {"jvp": self.forward8},
        }[self.mode]

    def forward(self) -> Iteration:
        f = jax.jit(lambda theta0, images: features(theta0, images, self.work))
        return lambda: f(self.theta0, self.images).block_until_ready()

    # --- steps -----------------------------------------------------------------------------------

    def steps(self, gradient: ValueAndGradient, constants: tuple[Any, ...]) -> Iteration:
        """Gradient, clip and AdamW as one compiled function that gives the state's memory back to its result."""

        @functools.partial(jax.jit, donate_argnums=0)
        def step(state: State, *constants: Any) -> tuple[State, Array]:
            loss, theta_bar = gradient(state[0], *constants)
            return adamw(state, clipped(theta_bar)), loss

        def iteration() -> Array:
            self.state, loss = jax.block_until_ready(step(self.state, *constants))
            return loss

        return iteration

    def standard_step(self) -> Iteration:
        def loss(theta: Params, images: Array, head: Array, labels: Array) -> Array:
            return head_loss(features(theta, images, self.work), head, labels)

        return self.steps(jax.value_and_grad(loss), (self.images, self.head, self.labels))

    def tangent_step(self, gradient: ValueAndGradient) -> Iteration:
        return self.steps(gradient, (self.theta0, self.images, self.head, self.labels))

    def grad_of_jvp(self, theta: Params, theta0: Params, images: Array, head: Array,
                    labels: Array) -> tuple[Array, Params]:
        """Reverse mode through jvp."""

        def loss(theta: Params) -> Array:
            f, f_dot = jax.jvp(lambda p: features(p, images, self.work), (theta0,), (minus(theta, theta0),))
            return head_loss(f + f_dot, head, labels)

        return jax.value_and_grad(loss)(theta)

    def linearize_transpose(self, theta: Params, theta0: Params, images: Array, head: Array,
                            labels: Array) -> tuple[Array, Params]:
        """The linear map once, applied and transposed."""
        f, push = jax.linearize(lambda p: features(p, images, self.work), theta0)
        value, z_bar = jax.value_and_grad(head_loss)(f + push(minus(theta, theta0)), head, labels)
        return value, jax.linear_transpose(push, theta0)(z_bar)[0]

    # --- f(x) and eight tangents -----------------------------------------------------------------

    def stream_linearize(self) -> Iteration:
        @jax.jit
        def batched(theta0: Params, taus: Params, images: Array) -> tuple[Array, Array]:
            f, push = jax.linearize(lambda p: features(p, images, self.work), theta0)
            return f, jax.vmap(push)(taus)

        return lambda: jax.block_until_ready(batched(self.theta0, self.stacked, self.images))

    def stream_vmap_jvp(self) -> Iteration:
        @jax.jit
        def batched(theta0: Params, taus: Params, images: Array) -> tuple[Array, Array]:
            def both(tau: Params) -> tuple[Array, Array]:
                return jax.jvp(lambda p: features(p, images, self.work), (theta0,), (tau,))

            return jax.vmap(both, out_axes=(None, 0))(taus)

        return lambda: jax.block_until_ready(batched(self.theta0, self.stacked, self.images))

    def forward8(self) -> Iteration:
        @jax.jit
        def f_lin(theta0: Params, tau: Params, images: Array) -> Array:
            return sum(jax.jvp(lambda p: features(p, images, self.work), (theta0,), (tau,)))

        return lambda: [f_lin(self.theta0, tau, self.images).block_until_ready() for tau in self.taus]

    # --- comparison ------------------------------------------------------------------------------

    def observe(self, iteration: Iteration) -> dict[str, Flat]:
        if self.mode == "forward":
            return {"features": np.asarray(iteration())}
        if self.mode == "stream":
            f, f_dot = iteration()
            return {"features": np.asarray(f), "tangents": np.asarray(f_dot)}
        if self.mode == "forward8":
            return {"features": np.stack([np.asarray(z) for z in iteration()])}
        return self.observe_steps(iteration)

    def observe_steps(self, iteration: Iteration) -> dict[str, Flat]:
        """The clipped gradient of the first step, from Adam's first moment, and the losses of three steps."""
        self.start_training()
        losses = [float(iteration())]
        moment = self.state[1]
        gradient = np.concatenate([np.asarray(moment[name]).ravel() for name in self.theta0]) / (1.0 - BETA1)
        losses += [float(iteration()), float(iteration())]
        return {"gradient": gradient, "losses": np.array(losses, dtype=np.float32)}


_threads: int | None = None


def confine(threads: int) -> None:
    """Give this process `threads` processors; once, before XLA starts its pool."""
    global _threads
    if _threads == threads:
        return
    if _threads is not None:
        raise RuntimeError(f"[jax_peer] runs with {_threads} threads; start another process for {threads}.")
    processors = sorted(os.sched_getaffinity(0))
    if threads > len(processors):
        raise RuntimeError(f"[jax_peer] needs {threads} processors; has {len(processors)}.")
    os.sched_setaffinity(0, processors[:threads])
    os.environ["NPROC"] = str(threads)
    _threads = threads


def evaluate(work: Work, params: inputs.Arrays, images: inputs.Array) -> Flat:
    """f(x; params)."""
    return np.asarray(features(arrays(params), jnp.asarray(images), work))


if __name__ == "__main__":
    keep_memory()
    serve(JaxJob, evaluate)
