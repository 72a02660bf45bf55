"""The tangent kernel beside JAX: our `benchmark ntk`, neural-tangents, and the Jacobian written out, turn by turn.

All compute K_ij = <J(x_i)^T w, J(x_j)^T w> of one output direction w for images of the tower `vit192` in f32, on the same
processors. Each turn of ours is a fresh process with one untimed kernel before the timed one; JAX is compiled and warmed up.
The JAX kernels are compared with each other; ours is held to torch.func by tests/nn/ntk_test.cpp.

    python3 -m venv .ntk && .ntk/bin/pip install jax==0.4.23 jaxlib==0.4.23 'numpy<2' 'scipy<1.13' frozendict
    .ntk/bin/pip install --no-deps neural-tangents==0.6.5     # the newest; its TensorFlow bridge is not needed
                                  # with JAX 0.4.30 its structured derivatives fail: what they call is gone
    .ntk/bin/python experiments/peers/ntk.py --benchmark build/release/bin/benchmark --threads 2

Where JAX ends with "could not append a binary post-op" (seen on a processor without AVX-512), its oneDNN rewriter is turned
off by XLA_FLAGS=--xla_disable_hlo_passes=onednn-matmul-rewriter,onednn-ops-rewriter,onednn-contraction-rewriter
"""

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import time
import types
from collections.abc import Callable

sys.dont_write_bytecode = True
os.environ.setdefault("JAX_PLATFORMS", "cpu")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--benchmark", required=True, help="our program")
    parser.add_argument("--work", default="vit192")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--variants", default="neural_tangents,neural_tangents_structured,jacobian")
    return parser.parse_args()


def ours(options: argparse.Namespace) -> tuple[float, float]:
    """Seconds on the clock, and of all threads."""
    command = [options.benchmark, "ntk", "--work", options.work, "--images", str(options.images), "--threads",
               str(options.threads), "--rounds", "1", "--json"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return report["rows"][0]["kernel_seconds"], report["rows"][0]["kernel_cpu_seconds"]


def peers(options: argparse.Namespace) -> dict[str, Callable[[], object]]:
    """Name -> one kernel, computed when it returns; compiled and run once."""
    bridge = "neural_tangents.experimental"
    sys.modules[bridge] = types.ModuleType(bridge)  # or else TensorFlow must be there
    import jax
    import jax.numpy as jnp
    import neural_tangents as nt
    import numpy as np

    import inputs
    from jax_model import features
    from works import WORKS

    work = WORKS[options.work]
    params = {name: jnp.asarray(value) for name, value in inputs.theta0(work).items()}
    images = jnp.asarray(inputs.batch(work, options.images)[0])
    w = jnp.asarray(np.random.default_rng(4).standard_normal((work.embedding, 1), dtype=np.float32))

    def output(params, images, slices=True):  # [N, 1]
        return features(params, images, work, slices) @ w

    def tangents(implementation, slices=True):
        f = functools.partial(output, slices=slices)
        kernel = nt.empirical_ntk_fn(f, trace_axes=(), vmap_axes=0, implementation=implementation)
        return jax.jit(lambda images, params: kernel(images, None, params))

    def jacobian(images, params):
        gradient = jax.grad(lambda params, image: output(params, image[None])[0, 0])
        rows = jax.vmap(gradient, (None, 0))(params, images)
        flat = [row.reshape(row.shape[0], -1) for row in jax.tree_util.tree_leaves(rows)]
        return sum(row @ row.T for row in flat)

    built = {
        "neural_tangents": tangents(nt.NtkImplementation.JACOBIAN_CONTRACTION),
        "neural_tangents_structured": tangents(nt.NtkImplementation.STRUCTURED_DERIVATIVES, slices=False),
        "jacobian": jax.jit(jacobian),
    }
    found: dict[str, Callable[[], object]] = {}
    kernels: dict[str, np.ndarray] = {}
    for name in options.variants.split(","):
        run = built[name]
        try:
            kernels[name] = np.asarray(run(images, params)).reshape(options.images, options.images)
            found[name] = lambda run=run: run(images, params).block_until_ready()
        except Exception as error:  # a variant that does not work is a result
            print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}", file=sys.stderr)
    first, *others = kernels.values()
    for other in others:
        assert np.abs(first - other).max() <= 1e-3 * np.abs(first).max(), "the peers disagree"
    return found


def main() -> None:
    options = parsed()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])  # before JAX starts its threads
    runs = {"tangent": None, **peers(options)}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    names = list(runs)
    for turn in range(options.rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            time.sleep(0.05)
            run = runs[name]
            if run is None:
                times[name].append(ours(options))
                continue
            begin, cpu_begin = time.perf_counter(), time.process_time()
            run()
            times[name].append((time.perf_counter() - begin, time.process_time() - cpu_begin))
    print(f"{options.work}, {options.images} images, {options.threads} threads, medians of {options.rounds} turns")
    print(f"{'':28s} {'s':>8s} {'x ours':>8s} {'cpu s':>8s} {'x ours':>8s}")
    for name, of_name in times.items():
        cells = []
        for clock in range(2):
            cells.append(statistics.median(pair[clock] for pair in of_name))
            cells.append(statistics.median(pair[clock] / own[clock] for pair, own in zip(of_name, times["tangent"])))
        print(f"{name:28s}" + "".join(f" {cell:8.2f}" for cell in cells))


if __name__ == "__main__":
    main()
