"""Small CLIPs with random weights in both layouts, and what the original code makes of them.

pip install torch==2.13.0 transformers==5.24.0 numpy safetensors; pip install --no-deps open_clip_torch==3.3.0; pip install ftfy regex
python tests/golden/make_clip.py                 (byte-identical on one machine; seconds)

Hugging Face's model is transformers' CLIPModel, saved by its own save_pretrained; open_clip's is open_clip's CLIP, its state
dict saved by safetensors. open_clip imports torchvision for transforms that are not used here; where there is none that fits
this torch, empty modules stand in. Of each model:
  clip/<name>/          the checkpoint with its config
  clip/<name>.safetensors   pixels [2, 3, 32, 32], tokens [3, 12], cotangent [2, 16], tau.<tensor>; from the original code in
                        f64: image_features, text_features, jvp = J tau and vjp.<tensor> = J^T cotangent of the image features
"""
import importlib.util
import json
import sys
import types
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.func import functional_call, jvp, vjp

FOLDER = Path(__file__).parent / "clip"
GRID, PATCH, WIDTH, HEADS, TEXT_WIDTH, TEXT_HEADS, VOCABULARY, CONTEXT, EMBED = 2, 8, 16, 2, 16, 4, 40, 12, 12


def randomise(model: torch.nn.Module) -> None:
    """Every weight a normal number, so that no bias is zero and no norm is one; in the order of the names."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            noise = torch.randn(p.shape, generator=generator) * (0.1 if p.ndim < 2 else 0.25)
            norm = "norm" in name or "ln_" in name or "layrnorm" in name
            p.copy_(torch.tensor(2.5) if name == "logit_scale" else noise + (1.0 if norm and name.endswith("weight") else 0.0))


def inputs() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(8)
    end = VOCABULARY - 1
    tokens = torch.tensor([[38, 5, 7, end] + [0] * 8, [38, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, end], [38, end] + [end] * 10])
    return {
        "pixels": torch.randn(2, 3, GRID * PATCH, GRID * PATCH, generator=generator),
        "tokens": tokens,
        "cotangent": torch.randn(2, EMBED, generator=generator),
    }


def image_features(model: torch.nn.Module, image, pixels: torch.Tensor):
    """image(model, pixels) as a function of parameters by their names in the model."""

    class Image(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.clip = model

        def forward(self, x):
            return image(self.clip, x)

    whole = Image()
    return lambda params: functional_call(whole, {"clip." + name: p for name, p in params.items()}, (pixels,))


def reference(model: torch.nn.Module, image, text) -> dict[str, torch.Tensor]:
    """image(model, pixels), text(model, tokens) in f64; J and J^T of the image features over all parameters."""
    given = inputs()
    model = model.double().eval()
    theta = {name: p.detach() for name, p in model.named_parameters()}
    generator = torch.Generator().manual_seed(9)
    tau = {name: torch.randn(p.shape, generator=generator).mul(0.1) for name, p in sorted(theta.items())}
    visual = {name: p for name, p in theta.items() if name.startswith("vis")}

    features = image_features(model, image, given["pixels"].double())
    direction = {name: tau[name].double() for name in visual}
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):  # the others have no forward mode
        value, push = jvp(features, (visual,), (direction,))
    _, pull = vjp(features, visual)
    (gradient,) = pull(given["cotangent"].double())
    out = dict(given)
    out["image_features"] = value.float()
    out["text_features"] = text(model, given["tokens"]).detach().float()
    out["jvp"] = push.float()
    out |= {"tau." + name: tau[name].contiguous() for name in visual}
    out |= {"vjp." + name: g.float().contiguous() for name, g in gradient.items()}
    return {name: t.detach().contiguous() for name, t in out.items()}


def hugging_face(activation: str) -> torch.nn.Module:
    from transformers import CLIPConfig, CLIPModel

    config = CLIPConfig(
        text_config=dict(hidden_size=TEXT_WIDTH, intermediate_size=32, num_hidden_layers=1, num_attention_heads=TEXT_HEADS,
                         vocab_size=VOCABULARY, max_position_embeddings=CONTEXT, hidden_act=activation,
                         bos_token_id=VOCABULARY - 2, eos_token_id=VOCABULARY - 1, pad_token_id=0),
        vision_config=dict(hidden_size=WIDTH, intermediate_size=32, num_hidden_layers=1, num_attention_heads=HEADS,
                           image_size=GRID * PATCH, patch_size=PATCH, hidden_act=activation),
        projection_dim=EMBED)
    config._attn_implementation = "eager"
    model = CLIPModel(config)
    randomise(model)
    return model


def open_clip_class() -> type:
    if "torchvision" not in sys.modules and importlib.util.find_spec("torchvision") is None:
        class Named(type):
            def __getattr__(cls, name):
                if name.startswith("__"):
                    raise AttributeError(name)
                return name

        class Anything(types.ModuleType):
            __path__: list = []

            def __getattr__(self, name):
                if name.startswith("__"):
                    raise AttributeError(name)
                inner = sys.modules.get(f"{self.__name__}.{name}")
                return inner if inner is not None else Named(name, (), {})

        for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional", "torchvision.ops",
                     "torchvision.ops.misc", "torchvision.datasets"):
            sys.modules[name] = Anything(name)
        sys.modules["timm"] = None  # it looks into torchvision deeper than that; open_clip does without it
    from open_clip.model import CLIP

    return CLIP


def open_clip(quick_gelu: bool) -> tuple[torch.nn.Module, dict]:
    config = {
        "embed_dim": EMBED,
        "quick_gelu": quick_gelu,
        "vision_cfg": {"image_size": GRID * PATCH, "layers": 1, "width": WIDTH, "head_width": WIDTH // HEADS, "mlp_ratio": 2.0,
                       "patch_size": PATCH},
        "text_cfg": {"context_length": CONTEXT, "vocab_size": VOCABULARY, "width": TEXT_WIDTH, "heads": TEXT_HEADS, "layers": 1,
                     "mlp_ratio": 2.0},
    }
    model = open_clip_class()(**json.loads(json.dumps(config)))
    randomise(model)
    return model, config


def main() -> None:
    torch.set_num_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)  # it has no forward mode
    folder = FOLDER / "hugging_face"
    model = hugging_face("quick_gelu")
    model.save_pretrained(folder)
    keep = folder / "config.json"
    keep.write_text(json.dumps(json.loads(keep.read_text()), indent=1) + "\n")
    for extra in folder.glob("generation_config.json"):
        extra.unlink()
    features = lambda m, x: m.visual_projection(m.vision_model(pixel_values=x).pooler_output)
    words = lambda m, t: m.text_projection(m.text_model(input_ids=t).pooler_output)
    save_file(reference(model, features, words), FOLDER / "hugging_face.safetensors")

    folder = FOLDER / "open_clip"
    folder.mkdir(parents=True, exist_ok=True)
    model, config = open_clip(quick_gelu=False)
    weights = {name: t.contiguous() for name, t in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors", metadata={"format": "pt"})
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}, indent=1) + "\n")
    save_file(reference(model, lambda m, x: m.encode_image(x), lambda m, t: m.encode_text(t)), FOLDER / "open_clip.safetensors")


if __name__ == "__main__":
    main()
