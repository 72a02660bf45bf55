"""Write the reference values that the C++ tests compare against, in f64, as safetensors files.

    vit_reference.safetensors   f(x; θ0), J τ and Jᵀ u of the ViT in vit.py; a variant's output
    loss_gradients.safetensors  loss and gradient at θ0 + 0.1 τ, of the ordinary and the linearised model
    linear_run.safetensors      50 steps of linearised fine-tuning, by backpropagation through jvp
    standard_run.safetensors    the first 20 of these steps with the ordinary model instead

Every input follows from a formula, so a test may generate it or read it:

    bits(seed, j)   output j = 0, 1, ... of SplitMix64 started at state `seed`
    u(seed, j)      ((bits(seed, j) >> 12) + 0.5) · 2^-52, in (0, 1)
    normal(seed, j) sqrt(-2 ln u(seed, 2j)) · cos(2π u(seed, 2j + 1))
    parameters      tensors in the order of vit.parameter_shapes, elements row-major, share one
                    counter j; an element is offset + scale · normal(seed, j)
    scale           conv1, linear weights and proj 1.5 / sqrt(fan in); class and positional
                    embedding 0.5; biases and layer norm 0.2
    offset          1 for layer norm weights, 0 otherwise
    seeds           theta0 1, tau 2 (offset 0), u 3 (scale 1), variant.theta0 4, head 5 (scale 1)
    image value     at flat index i of the [B, 3, 8, 8] batch of step s:
                    sin(0.37·i + 1.3·s + 0.11·(i mod 7));  the first two files use s = 0
    label           labels[b] = (b·b + s) mod 4

A training step: lr(s) is set, then gradient, clip to global norm 1, AdamW with decoupled decay of θ.

    head     logits = (z / ‖z‖₂) Wᵀ with frozen W normal [K, E], scale 1; mean cross entropy
    clip     g ← g · min(1, 1 / (‖g‖ + 1e-6)), ‖g‖ over all parameters
    AdamW    θ ← (1 − lr·0.1) θ;  m ← 0.9 m + 0.1 g;  v ← 0.999 v + 0.001 g²;  with t = s + 1
             θ ← θ − lr · (m / (1 − 0.9^t)) / (sqrt(v / (1 − 0.999^t)) + 1e-8)
    lr(s)    lr0 (s + 1) / W for s < W, else lr0 (1 + cos(π (s − W) / (S − W))) / 2;  W = 5, S = 50

Usage: python tests/golden/make_golden.py [output folder]
"""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

sys.dont_write_bytecode = True
from vit import Params, ViTConfig, parameter_shapes, vit  # noqa: E402

CONFIG = ViTConfig()
VARIANT = ViTConfig(embed=None, ln_pre=False, activation="gelu")
B, K = 5, 4

SEED_THETA0, SEED_TAU, SEED_U, SEED_VARIANT, SEED_HEAD = 1, 2, 3, 4, 5
HEAD_SCALE = 1.0  # with LR below: some steps are clipped and some are not

STEPS, STANDARD_STEPS, WARMUP = 50, 20, 5
LR, BETAS, EPS, WEIGHT_DECAY, MAX_NORM = 1e-2, (0.9, 0.999), 1e-8, 0.1, 1.0

# Maps θ and images [B, 3, 8, 8] to features [B, E].
Model = Callable[[Params, Tensor], Tensor]


# --- inputs from formulas ------------------------------------------------------------------------


def splitmix64(seed: int, j: int) -> int:
    """Output j = 0, 1, ... of SplitMix64 (Steele, Lea, Flood 2014) started at state `seed`."""
    mask = 2**64 - 1
    z = (seed + (j + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def normal(seed: int, j: int) -> float:
    """Standard normal number j of stream `seed`, by Box and Muller."""
    u1, u2 = (((splitmix64(seed, 2 * j + k) >> 12) + 0.5) * 2.0**-52 for k in (0, 1))
    return math.sqrt(-2.0 * math.log(u1)) * math.cos(2.0 * math.pi * u2)


def normal_tensor(seed: int, shape: tuple[int, ...], first: int = 0) -> Tensor:
    """normal(seed, first), normal(seed, first + 1), ... in row-major order."""
    values = [normal(seed, first + j) for j in range(math.prod(shape))]
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


def is_layer_norm_weight(name: str) -> bool:
    """True for ln_pre.weight, ...ln_1.weight, ...ln_2.weight and ln_post.weight."""
    return name.endswith(".weight") and name.split(".")[-2].startswith("ln_")


def parameter_scale(name: str, shape: tuple[int, ...]) -> float:
    """Standard deviation of a parameter: 1.5 / sqrt(fan in) for maps, 0.5 for embeddings, else 0.2."""
    if name == "proj":
        return 1.5 / math.sqrt(shape[0])
    if name.endswith("embedding"):
        return 0.5
    if len(shape) >= 2:
        return 1.5 / math.sqrt(math.prod(shape[1:]))
    return 0.2


def make_params(seed: int, config: ViTConfig, *, tangent: bool = False) -> Params:
    """Parameters of the tower; with `tangent` a direction: the same without the offset 1."""
    params, j = {}, 0
    for name, shape in parameter_shapes(config).items():
        offset = 1.0 if is_layer_norm_weight(name) and not tangent else 0.0
        params[name] = offset + parameter_scale(name, shape) * normal_tensor(seed, shape, j)
        j += math.prod(shape)
    return params


def images_at(step: int) -> Tensor:
    """The batch of a step, [B, 3, image, image]."""
    shape = (B, 3, CONFIG.image, CONFIG.image)
    values = [math.sin(0.37 * i + 1.3 * step + 0.11 * (i % 7)) for i in range(math.prod(shape))]
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


def labels_at(step: int) -> Tensor:
    """The labels of a step, [B], classes 0 .. K-1."""
    return torch.tensor([(b * b + step) % K for b in range(B)])


# --- the reference training loop -----------------------------------------------------------------


def linearised(theta0: Params) -> Model:
    """f_lin(x; θ) = f(x; θ0) + J(x; θ0) (θ − θ0)."""

    def f_lin(theta: Params, images: Tensor) -> Tensor:
        tau = {name: theta[name] - theta0[name] for name in theta0}
        primal, tangent = torch.func.jvp(lambda p: vit(p, images, CONFIG), (theta0,), (tau,))
        return primal + tangent

    return f_lin


def ordinary(theta: Params, images: Tensor) -> Tensor:
    """f(x; θ)."""
    return vit(theta, images, CONFIG)


def head_loss(z: Tensor, head: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy of logits (z / ‖z‖₂) Wᵀ.  z [B, E], head W [K, E], labels [B] → scalar."""
    logits = z / torch.linalg.vector_norm(z, dim=-1, keepdim=True) @ head.T
    return F.cross_entropy(logits, labels)


def learning_rate(step: int) -> float:
    """Linear warm-up, then half a cosine to zero."""
    if step < WARMUP:
        return LR * (step + 1) / WARMUP
    return 0.5 * LR * (1.0 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))


def gradient(model: Model, theta: Params, head: Tensor, step: int) -> tuple[float, Params]:
    """Loss of a step and its gradient by reverse mode through `model`."""
    loss = head_loss(model(theta, images_at(step)), head, labels_at(step))
    return loss.item(), dict(zip(theta, torch.autograd.grad(loss, list(theta.values())), strict=True))


def train(model: Model, theta0: Params, head: Tensor, steps: int) -> tuple[Tensor, Tensor, list[Params]]:
    """Fine-tune from θ0.

    → losses [steps], norms before clipping [steps], θ before step 0, 1, ... and after the last.
    """
    theta = {name: value.clone().requires_grad_() for name, value in theta0.items()}
    optimizer = torch.optim.AdamW(
        list(theta.values()), lr=LR, betas=BETAS, eps=EPS, weight_decay=WEIGHT_DECAY, foreach=False
    )
    losses, norms, path = [], [], [theta0]
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = learning_rate(step)
        loss, grads = gradient(model, theta, head, step)
        for name, value in theta.items():
            value.grad = grads[name]
        norm = torch.nn.utils.clip_grad_norm_(list(theta.values()), MAX_NORM)
        optimizer.step()
        losses.append(loss)
        norms.append(norm.item())
        path.append({name: value.detach().clone() for name, value in theta.items()})
    return torch.tensor(losses, dtype=torch.float64), torch.tensor(norms, dtype=torch.float64), path


# --- the four files ------------------------------------------------------------------------------


def with_prefix(prefix: str, params: Params) -> Params:
    """`name` → `prefix.name`."""
    return {f"{prefix}.{name}": value for name, value in params.items()}


def without_prefix(prefix: str, tensors: Params) -> Params:
    """The tensors called `prefix.name`, as `name`."""
    return {
        name.removeprefix(f"{prefix}."): value
        for name, value in tensors.items()
        if name.startswith(f"{prefix}.")
    }


def save(path: Path, tensors: Params, about: str) -> None:
    """Write f64 tensors. One metadata key only: the writer does not fix the order of several."""
    formulas = __doc__.split("Usage:")[0].strip()
    dense = {name: value.detach().contiguous() for name, value in tensors.items()}
    save_file(dense, path, metadata={"about": f"{about}\n\nMade by make_golden.py: {formulas}"})
    size = path.stat().st_size
    assert size <= 100_000, f"[save] {path.name} must be at most 100 kB; it is {size} bytes."
    print(f"{path.name}: {len(dense)} tensors, {size} bytes")


def vit_reference() -> Params:
    """Tensors of vit_reference.safetensors."""
    theta0, tau = make_params(SEED_THETA0, CONFIG), make_params(SEED_TAU, CONFIG, tangent=True)
    images = images_at(0)
    u = normal_tensor(SEED_U, (B, CONFIG.output_width))

    output, j_tau = torch.func.jvp(lambda p: vit(p, images, CONFIG), (theta0,), (tau,))
    output_vjp, pull = torch.func.vjp(lambda p: vit(p, images, CONFIG), theta0)
    (jt_u,) = pull(u)

    variant_theta0 = make_params(SEED_VARIANT, VARIANT)
    variant_output = vit(variant_theta0, images, VARIANT)

    left, right = (u * j_tau).sum(), sum((jt_u[name] * tau[name]).sum() for name in tau)
    h = 1e-5
    shifted = [
        vit({name: theta0[name] + sign * h * tau[name] for name in tau}, images, CONFIG)
        for sign in (1, -1)
    ]
    difference = (shifted[0] - shifted[1]) / (2 * h)
    print(f"  |output of jvp - output of vjp|      {(output - output_vjp).abs().max():.1e}")
    print(f"  |<u, J tau> - <J^T u, tau>|          {(left - right).abs():.1e} of {left.abs():.3g}")
    print(f"  |J tau - central difference|         {(j_tau - difference).abs().max():.1e} (h = 1e-5)")
    return {
        **with_prefix("theta0", theta0),
        **with_prefix("tau", tau),
        **with_prefix("vjp", jt_u),
        **with_prefix("variant.theta0", variant_theta0),
        "input.images": images,
        "u": u,
        "output": output,
        "jvp": j_tau,
        "variant.output": variant_output,
    }


def loss_gradients() -> Params:
    """Tensors of loss_gradients.safetensors. At θ ≠ θ0, where the two models differ."""
    theta0, tau = make_params(SEED_THETA0, CONFIG), make_params(SEED_TAU, CONFIG, tangent=True)
    head = HEAD_SCALE * normal_tensor(SEED_HEAD, (K, CONFIG.output_width))
    tensors = {}
    for name, model in (("standard", ordinary), ("linear", linearised(theta0))):
        theta = {key: (theta0[key] + 0.1 * tau[key]).requires_grad_() for key in theta0}
        loss, grads = gradient(model, theta, head, 0)
        print(f"  {name} loss {loss:.15g}")
        tensors |= {f"{name}.loss": torch.tensor(loss, dtype=torch.float64)}
        tensors |= with_prefix(f"{name}.grad", grads)
    return tensors


def gradient_by_vjp(theta0: Params, theta: Params, head: Tensor, step: int) -> Params:
    """Jᵀ(x; θ0) ∂L/∂z at z = f_lin(x; θ): the gradient without reverse mode through jvp."""
    images = images_at(step)
    z = linearised(theta0)(theta, images).detach().requires_grad_()
    (z_bar,) = torch.autograd.grad(head_loss(z, head, labels_at(step)), z)
    _, pull = torch.func.vjp(lambda p: vit(p, images, CONFIG), theta0)
    return pull(z_bar)[0]


def check_gradients(theta0: Params, path: list[Params], head: Tensor) -> None:
    """Gradient through jvp against vjp at θ0, at every step; f_lin = f and equal gradients at θ0."""

    def max_difference(a: Params, b: Params) -> float:
        return max((a[name] - b[name]).abs().max().item() for name in a)

    through_jvp, by_vjp = [], []
    for step in range(STEPS):
        theta = {name: value.clone().requires_grad_() for name, value in path[step].items()}
        through_jvp.append(gradient(linearised(theta0), theta, head, step)[1])
        by_vjp.append(gradient_by_vjp(theta0, path[step], head, step))
    differences = [max_difference(a, b) for a, b in zip(through_jvp, by_vjp, strict=True)]

    theta = {name: value.clone().requires_grad_() for name, value in theta0.items()}
    at_theta0 = max_difference(gradient(ordinary, theta, head, 0)[1], through_jvp[0])
    print(f"  |gradient through jvp - vjp|, step 0 {differences[0]:.1e}")
    print(f"  the same, maximum over {STEPS} steps      {max(differences):.1e}")
    print(f"  |ordinary - linearised gradient|, 0  {at_theta0:.1e}")
    assert max(*differences, at_theta0) < 1e-12


def linear_run() -> Params:
    """Tensors of linear_run.safetensors."""
    theta0 = make_params(SEED_THETA0, CONFIG)
    head = HEAD_SCALE * normal_tensor(SEED_HEAD, (K, CONFIG.output_width))
    losses, norms, path = train(linearised(theta0), theta0, head, STEPS)
    check_gradients(theta0, path, head)
    return {
        **with_prefix("theta0", theta0),
        **with_prefix(f"theta{STEPS}", path[-1]),
        "head": head,
        "losses": losses,
        "grad_norms": norms,
    }


def standard_run(linear: Params) -> Params:
    """Tensors of standard_run.safetensors, from `theta0` and `head` of linear_run.safetensors."""
    losses, norms, path = train(
        ordinary, without_prefix("theta0", linear), linear["head"], STANDARD_STEPS
    )
    return {
        **with_prefix(f"theta{STANDARD_STEPS}", path[-1]),
        "losses": losses,
        "grad_norms": norms,
    }


def describe_run(run: Params) -> None:
    """Print the ends of the run; fail unless some steps were clipped and some were not."""
    losses, norms = run["losses"], run["grad_norms"]
    clipped = (norms > MAX_NORM).sum().item()
    assert 0 < clipped < len(norms), f"[describe_run] some steps must clip, not all; {clipped} did."
    print(f"  losses  {losses[0]:.15g} ... {losses[-1]:.15g}")
    print(f"  norms   {norms.min():.3g} ... {norms.max():.3g}, clipped {clipped} of {len(norms)} steps")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the golden files.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    folder = parser.parse_args().folder
    torch.set_num_threads(1)  # one order of every sum, so that two runs agree in every bit

    save(
        folder / "vit_reference.safetensors",
        vit_reference(),
        "ViT: output f(x; theta0), jvp = J tau, vjp = J^T u; variant: no ln_pre, no proj, erf GELU.",
    )
    save(
        folder / "loss_gradients.safetensors",
        loss_gradients(),
        "Loss of step 0 and its gradient at theta0 + 0.1 tau, of f and of f linearised at theta0.",
    )
    run = linear_run()
    describe_run(run)
    save(
        folder / "linear_run.safetensors",
        run,
        "50 steps of linearised fine-tuning, gradient by backpropagation through jvp.",
    )
    run = standard_run(load_file(folder / "linear_run.safetensors"))
    describe_run(run)
    save(
        folder / "standard_run.safetensors",
        run,
        "20 steps of ordinary fine-tuning; theta0 and head are those of linear_run.safetensors; S = 50.",
    )


if __name__ == "__main__":
    main()
