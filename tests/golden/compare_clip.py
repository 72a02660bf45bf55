"""CLIPs of the true shapes with random weights: probe against transformers and open_clip, features, J tau and J^T u.

Packages as for make_clip.py.   python tests/golden/compare_clip.py --bin build/release/bin [--shapes B/32,B/16,L/14] [--layers 12]
Prints the largest difference relative to the largest value of each, and exits with 1 if one is above 1e-4.
"""
import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.func import jvp, vjp

import make_clip

SHAPES = {  # image, patch, vision width and heads, text width and heads, embedding
    "B/32": (224, 32, 768, 12, 512, 8, 512),
    "B/16": (224, 16, 768, 12, 512, 8, 512),
    "L/14": (224, 14, 1024, 16, 768, 12, 768),
}


def hugging_face(shape, layers: int, folder: Path):
    from transformers import CLIPConfig, CLIPModel

    image, patch, width, heads, text_width, text_heads, embed = shape
    config = CLIPConfig(
        text_config=dict(hidden_size=text_width, intermediate_size=4 * text_width, num_hidden_layers=layers,
                         num_attention_heads=text_heads, bos_token_id=49406, eos_token_id=49407),
        vision_config=dict(hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers, num_attention_heads=heads,
                           image_size=image, patch_size=patch),
        projection_dim=embed)
    config._attn_implementation = "eager"
    model = CLIPModel(config).eval()
    model.save_pretrained(folder)
    return (model, lambda m, x: m.visual_projection(m.vision_model(pixel_values=x).pooler_output),
            lambda m, t: m.text_projection(m.text_model(input_ids=t).pooler_output), folder)


def open_clip(shape, layers: int, folder: Path):
    import json

    image, patch, width, heads, text_width, text_heads, embed = shape
    config = {
        "embed_dim": embed,
        "quick_gelu": False,
        "vision_cfg": {"image_size": image, "layers": layers, "width": width, "patch_size": patch},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": text_width, "heads": text_heads, "layers": layers},
    }
    model = make_clip.open_clip_class()(**json.loads(json.dumps(config))).eval()
    folder.mkdir()
    save_file({name: t.contiguous() for name, t in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    return model, lambda m, x: m.encode_image(x), lambda m, t: m.encode_text(t), folder


def compare(name: str, bin_folder: Path, model, image, text, checkpoint: Path, scratch: Path) -> bool:
    size = model.vision_model.config.image_size if hasattr(model, "vision_model") else model.visual.image_size[0]
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randn(2, 3, size, size, generator=generator)
    tokens = torch.zeros(3, 77, dtype=torch.int64)
    for row, words in enumerate((5, 20, 75)):
        tokens[row, : words + 2] = torch.cat([torch.tensor([49406]), torch.randint(0, 49406, (words,), generator=generator),
                                              torch.tensor([49407])])
    visual = {n: p.detach() for n, p in model.named_parameters() if n.startswith("vis")}
    tau = {n: 0.01 * torch.randn(p.shape, generator=generator) for n, p in sorted(visual.items())}

    features = make_clip.image_features(model, image, pixels)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        value, push = jvp(features, (visual,), ({n: tau[n] for n in visual},))
        cotangent = torch.randn(value.shape, generator=generator)
        (gradient,) = vjp(features, visual)[1](cotangent)
        expected = {"image_features": value, "jvp": push, "text_features": text(model, tokens)}
    expected |= {"vjp." + n: g for n, g in gradient.items()}
    for file, tensors in {"pixels": {"pixels": pixels}, "tokens": {"tokens": tokens}, "tau": tau,
                          "cotangent": {"cotangent": cotangent}}.items():
        save_file(tensors, scratch / f"{file}.safetensors")
    begin = time.time()
    subprocess.run([bin_folder / "probe", "--checkpoint", checkpoint, "--pixels", scratch / "pixels.safetensors", "--tokens",
                    scratch / "tokens.safetensors", "--tangent", scratch / "tau.safetensors", "--cotangent",
                    scratch / "cotangent.safetensors", "--shard-size", "1", "--out", scratch / "out.safetensors"], check=True,
                   stdout=subprocess.DEVNULL)
    seconds = time.time() - begin
    found = load_file(scratch / "out.safetensors")
    assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
    worst: dict[str, float] = {}
    for n, e in expected.items():
        if n.endswith("k_proj.bias"):  # softmax ignores it: rounding alone
            continue
        difference = ((found[n] - e).abs().max() / e.abs().max()).item()
        kind = n.split(".")[0]
        worst[kind] = max(worst.get(kind, 0.0), difference)
    print(f"{name:24} " + "  ".join(f"{kind} {d:.1e}" for kind, d in worst.items()) + f"  ({seconds:.1f} s)", flush=True)
    return all(d < 1e-4 for d in worst.values())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--shapes", default="B/32,B/16,L/14")
    parser.add_argument("--layers", type=int, default=12)
    options = parser.parse_args()
    torch.backends.mha.set_fastpath_enabled(False)  # it has no forward mode
    good = True
    for shape in options.shapes.split(","):
        for make in (hugging_face, open_clip):
            torch.manual_seed(0)
            with tempfile.TemporaryDirectory() as scratch:
                model, image, text, folder = make(SHAPES[shape], options.layers, Path(scratch) / "model")
                good &= compare(f"{shape} {make.__name__}", options.bin, model, image, text, folder, Path(scratch))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
