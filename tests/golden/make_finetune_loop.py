"""Write finetune_loop.safetensors: two fine-tuning runs by the reference code's training loop, in f64.

The loop is that of gortizji/tangent_task_arithmetic, src/finetune.py at commit 0aa0e18, in our own words: epochs over
shuffled batches whose last one is smaller; per step the learning rate is set, the loss of the scaled head is taken,
the gradient is clipped to norm 1 and AdamW decays θ itself, in both modes. The C++ test calls `finetune` on the same:

    θ0       theta0.* of linear_run.safetensors, rounded to f32
    image i  of N = 80, 3 x 8 x 8, label y = i mod 4: the value at flat index j is
             0.5 + 0.2 sin(0.37 j (1 + 0.1 y) + 0.05 i) + 0.2 sin(1.7 i + 0.9 j), rounded to f32;
             the model sees (value − 0.5) / 0.25
    order    of epoch e: Fisher–Yates by SplitMix64 on the stream {seed 3, e}      (engine/tensor/random.hpp)
    head     row c: unit mean of the unit embeddings of the prompts "a photo of a <word> shape" and "the <word>", times
             the scale s = 10. An embedding is the sum of one random unit vector for each word but the framing ones
             (models/word_vectors.hpp); word = north, east, south, west
    loop     batches of 24, 24, 24, 8; 50 epochs, 200 steps; lr 5e-3, warm-up 20; weight decay 0.1

    → standard.losses, linear.losses [200]; standard.theta.*, linear.theta.* after the last step

With --check the script fails unless the runs notice each ingredient: another loop's losses must be far from these.

Usage: python tests/golden/make_finetune_loop.py [--check] [output folder]      (after make_golden.py, which writes θ0)
"""

import argparse
import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

sys.dont_write_bytecode = True
from make_golden import Model, linearised, ordinary, without_prefix  # noqa: E402
from vit import Params  # noqa: E402

N, K, BATCH, EPOCHS, SEED = 80, 4, 24, 50, 3
EMBED, WORDS, FRAMING = 6, ("north", "east", "south", "west"), ("a", "of", "photo", "the")
PROMPTS = ("a photo of a {} shape", "the {}")
MASK, GAMMA = 2**64 - 1, 0x9E3779B97F4A7C15
WORD_STREAM = 0x574F5244


@dataclass(frozen=True)
class Loop:
    """What a training loop may do otherwise; the defaults are the reference's."""

    lr: float = 5e-3
    warmup: int = 20
    max_norm: float = 1.0
    decay: float = 0.1
    decay_to_theta0: bool = False
    constant_after_warmup: bool = False
    scale: float = 10.0
    drop_last: bool = False
    same_order: bool = False


def f32(x: Tensor) -> Tensor:
    """Values that f32 holds, in f64."""
    return x.float().double()


class Random:
    """The generator of engine/tensor/random.hpp (SplitMix64) on the stream named by a path of numbers."""

    def __init__(self, *path: int) -> None:
        self.state = GAMMA
        for part in path:
            self.state = self.mix(self.state ^ self.mix((part + GAMMA) & MASK))

    @staticmethod
    def mix(z: int) -> int:
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def uniform(self) -> float:
        self.state = (self.state + GAMMA) & MASK
        return (self.mix(self.state) >> 11) * 2.0**-53

    def normal(self) -> float:
        radius = math.sqrt(-2.0 * math.log(1.0 - self.uniform()))
        return radius * math.cos(2.0 * math.pi * self.uniform())

    def permutation(self, count: int) -> list[int]:
        values = list(range(count))
        for last in range(count - 1, 0, -1):
            other = int(self.uniform() * (last + 1))
            values[last], values[other] = values[other], values[last]
        return values


def hash_of(text: str) -> int:
    """FNV-1a."""
    state = 0xCBF29CE484222325
    for byte in text.encode():
        state = ((state ^ byte) * 0x100000001B3) & MASK
    return state


def unit(x: Tensor) -> Tensor:
    return x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)


def embedding(caption: str) -> Tensor:
    """Unit sum of the word vectors.  → [E]"""
    total = torch.zeros(EMBED, dtype=torch.float64)
    for word in caption.split():
        if word in FRAMING:
            continue
        random = Random(WORD_STREAM, hash_of(word))
        total += unit(torch.tensor([random.normal() for _ in range(EMBED)], dtype=torch.float64))
    return unit(total)


def make_head() -> Tensor:
    """Rows of length 1.  → [K, E]"""
    rows = [torch.stack([embedding(prompt.format(word)) for prompt in PROMPTS]).mean(0) for word in WORDS]
    return unit(torch.stack(rows))


def make_images() -> tuple[Tensor, Tensor]:
    """As the model sees them.  → images [N, 3, 8, 8], labels [N]"""
    i = torch.arange(N, dtype=torch.float64)[:, None]
    j = torch.arange(3 * 8 * 8, dtype=torch.float64)
    y = i % K
    values = 0.5 + 0.2 * torch.sin(0.37 * j * (1.0 + 0.1 * y) + 0.05 * i) + 0.2 * torch.sin(1.7 * i + 0.9 * j)
    return ((f32(values) - 0.5) / 0.25).reshape(N, 3, 8, 8), torch.arange(N) % K


def batches(epoch: int, loop: Loop) -> list[list[int]]:
    """Indices of the images of each batch of an epoch."""
    order = Random(SEED, 0 if loop.same_order else epoch).permutation(N)
    cut = [order[begin : begin + BATCH] for begin in range(0, N, BATCH)]
    return [batch for batch in cut if len(batch) == BATCH or not loop.drop_last]


def learning_rate(step: int, steps: int, loop: Loop) -> float:
    if step < loop.warmup:
        return loop.lr * (step + 1) / loop.warmup
    if loop.constant_after_warmup:
        return loop.lr
    return 0.5 * loop.lr * (1.0 + math.cos(math.pi * (step - loop.warmup) / (steps - loop.warmup)))


def finetune(model: Model, theta0: Params, loop: Loop) -> tuple[Tensor, list[float], Params]:
    """→ losses [steps], gradient norms before clipping, θ after the last step."""
    images, labels = make_images()
    head = loop.scale * make_head()
    theta = {name: value.clone().requires_grad_() for name, value in theta0.items()}
    params = list(theta.values())
    optimizer = torch.optim.AdamW(
        params, lr=loop.lr, weight_decay=0.0 if loop.decay_to_theta0 else loop.decay, foreach=False
    )
    per_epoch = len(batches(0, loop))
    steps = EPOCHS * per_epoch
    losses, norms = [], []
    for epoch in range(EPOCHS):
        for i, batch in enumerate(batches(epoch, loop)):
            step = i + epoch * per_epoch
            loss = F.cross_entropy(unit(model(theta, images[batch])) @ head.T, labels[batch])
            optimizer.zero_grad()
            loss.backward()
            lr = learning_rate(step, steps, loop)
            optimizer.param_groups[0]["lr"] = lr
            norms.append(torch.nn.utils.clip_grad_norm_(params, loop.max_norm).item())
            if loop.decay_to_theta0:
                with torch.no_grad():
                    for name, value in theta.items():
                        value -= lr * loop.decay * (value - theta0[name])
            optimizer.step()
            losses.append(loss.item())
    return (
        torch.tensor(losses, dtype=torch.float64),
        norms,
        {name: value.detach() for name, value in theta.items()},
    )


OTHER_LOOPS = {
    "no warm-up": {"warmup": 0},
    "warm-up one step longer": {"warmup": 21},
    "no cosine": {"constant_after_warmup": True},
    "no clipping": {"max_norm": math.inf},
    "no decay": {"decay": 0.0},
    "decay towards theta0": {"decay_to_theta0": True},
    "head not scaled": {"scale": 1.0},
    "last batch dropped": {"drop_last": True},
    "every epoch in one order": {"same_order": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Write finetune_loop.safetensors.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    parser.add_argument("--check", action="store_true", help="try other loops as well; minutes")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # one order of every sum, so that two runs agree in every bit
    saved = without_prefix("theta0", load_file(Path(__file__).parent / "linear_run.safetensors"))
    theta0 = {name: f32(value) for name, value in saved.items()}

    tensors = {}
    for mode, model in (("standard", ordinary), ("linear", linearised(theta0))):
        losses, norms, theta = finetune(model, theta0, Loop())
        clipped = sum(norm > 1.0 for norm in norms)
        print(f"{mode}: loss {losses[0]:.6f} ... {losses[-1]:.6f}, clipped {clipped} of {len(norms)} steps")
        assert 0 < clipped < len(norms), "some steps must clip, not all"
        for name, change in OTHER_LOOPS.items() if arguments.check else ():
            other = finetune(model, theta0, replace(Loop(), **change))[0]
            count = min(len(other), len(losses))
            difference = (other[:count] - losses[:count]).abs().max().item()
            print(f"  {name:26} differs by {difference:.4f}")
            assert difference > 0.01, f"the runs must tell: {name}"
        tensors[f"{mode}.losses"] = losses
        tensors |= {f"{mode}.theta.{name}": value.contiguous() for name, value in theta.items()}
    difference = (tensors["standard.losses"] - tensors["linear.losses"]).abs().max().item()
    print(f"standard and linear differ by {difference:.4f}")
    about = __doc__.split("Usage:")[0].strip()
    file = arguments.folder / "finetune_loop.safetensors"
    save_file(tensors, file, metadata={"about": f"Made by make_finetune_loop.py: {about}"})
    print(f"{file.name}: {len(tensors)} tensors, {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
