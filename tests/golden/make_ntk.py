"""The empirical tangent kernel of the reference tower by torch.func: ntk_reference.safetensors.

    K_pq(x, x') = sum over parameters of <d f_p(x) / d theta, d f_q(x') / d theta>        [5, 5, E, E] in f64

at `theta0.*` and `input.images` of vit_reference.safetensors, from the Jacobian of each image written out. Kept are

    direction   w [E], w_e = cos(1 + e)
    kernel      w^T K(x, x') w        [5, 5]
    trace       trace K(x, x') / E    [5, 5]

Usage: pip install torch==2.13.0 numpy safetensors; python tests/golden/make_ntk.py
"""

import math
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from vit import Params, ViTConfig, vit  # noqa: E402

FOLDER = Path(__file__).parent


def jacobian(theta: Params, images: torch.Tensor, config: ViTConfig) -> torch.Tensor:
    """d f(x_i) / d theta as one matrix per image.  [N, E, P]."""

    def of_one(params: Params, image: torch.Tensor) -> torch.Tensor:
        return vit(params, image[None], config)[0]

    blocks = torch.func.vmap(torch.func.jacrev(of_one), (None, 0))(theta, images)
    return torch.cat([block.flatten(2) for block in blocks.values()], dim=2)


def main() -> None:
    config = ViTConfig()
    reference = load_file(FOLDER / "vit_reference.safetensors")
    prefix = "theta0."
    theta = {name.removeprefix(prefix): value for name, value in reference.items() if name.startswith(prefix)}
    J = jacobian(theta, reference["input.images"], config)
    E = J.shape[1]
    w = torch.tensor([math.cos(1.0 + e) for e in range(E)], dtype=torch.float64)
    rows = torch.einsum("nep,e->np", J, w)
    tensors = {
        "direction": w,
        "kernel": rows @ rows.T,
        "trace": torch.einsum("nep,mep->nm", J, J) / E,
    }
    about = "Tangent kernel of the tower of vit_reference.safetensors at theta0, made by make_ntk.py."
    save_file({name: value.contiguous() for name, value in tensors.items()}, FOLDER / "ntk_reference.safetensors",
              metadata={"about": about})


if __name__ == "__main__":
    main()
