"""The works and modes that all sides measure; the extents of the C++ program `benchmark`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """A CLIP image tower and a batch for it: images [batch, 3, image, image] -> features [batch, embedding]."""

    name: str
    image: int
    patch: int
    width: int
    depth: int
    heads: int
    batch: int
    embedding: int
    mlp_ratio: int = 4

    @property
    def tokens(self) -> int:
        return (self.image // self.patch) ** 2 + 1


WORKS: dict[str, Work] = {
    work.name: work
    for work in (
        Work("vit192", image=32, patch=4, width=192, depth=6, heads=3, batch=128, embedding=256),
        Work("vit128", image=32, patch=8, width=128, depth=4, heads=4, batch=128, embedding=256),
        Work("clip_b32", image=224, patch=32, width=768, depth=12, heads=12, batch=16, embedding=512),
    )
}

MODES: tuple[str, ...] = ("forward", "standard_step", "tangent_step", "stream", "forward8")

TANGENTS = 8  # of stream and forward8
CLASSES = 10  # of the fixed head
LOGIT_SCALE = 100.0
LAYER_NORM_EPS = 1e-5

LEARNING_RATE, BETA1, BETA2, ADAM_EPS, WEIGHT_DECAY, MAX_NORM = 1e-4, 0.9, 0.999, 1e-8, 0.1, 1.0


def parameter_shapes(work: Work) -> dict[str, tuple[int, ...]]:
    """Every parameter in the order of use. CLIP's names; linear weights [out, in], `proj` [in, out]."""
    w, hidden = work.width, work.width * work.mlp_ratio
    shapes: dict[str, tuple[int, ...]] = {
        "conv1.weight": (w, 3, work.patch, work.patch),
        "class_embedding": (w,),
        "positional_embedding": (work.tokens, w),
        "ln_pre.weight": (w,),
        "ln_pre.bias": (w,),
    }
    for n in range(work.depth):
        block: dict[str, tuple[int, ...]] = {
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
    return shapes | {"ln_post.weight": (w,), "ln_post.bias": (w,), "proj": (w, work.embedding)}
