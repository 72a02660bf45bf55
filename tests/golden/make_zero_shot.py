"""A small CLIP with a vocabulary, and the logits that the original code gives for pictures made by a formula.

Packages as for make_clip.py, and pillow.   python tests/golden/make_zero_shot.py        (byte-identical on one machine; seconds)

The model is transformers' CLIPModel in f64 with random weights that were rounded to f16, as they are saved; the tokenizer is
open_clip's with tokenizer_vocabulary.txt.gz; the pixels go through Pillow. Writes
  zero_shot/model/           model.safetensors, config.json, preprocessor_config.json
  zero_shot/logits.safetensors   logits [40, 3] of the test pictures of write_idx_set(folder, 0) (tests/experiments/idx_set.hpp),
                             with the prompts of a set that is not known, class names of its classes.txt
"""
import json
from pathlib import Path

import numpy
import torch
from PIL import Image
from safetensors.torch import save_file

import make_clip

HERE = Path(__file__).parent
FOLDER = HERE / "zero_shot"
SIZE, MEAN, STD = 24, [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]
CLASSES = ["A", "bright one", "very bright"]
TEMPLATES = ["a photo of a {}.", "a photo of the {}."]


def pixels() -> torch.Tensor:
    images = []
    for i in range(40):
        values = numpy.array([60 * (i % 3) + (7 * i + 13 * p) % 60 for p in range(81)], dtype=numpy.uint8).reshape(9, 9)
        picture = Image.fromarray(values).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        images.append(torch.from_numpy(numpy.array(picture)).permute(2, 0, 1).double() / 255)
    return (torch.stack(images) - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def main() -> None:
    torch.set_num_threads(1)
    from transformers import CLIPConfig, CLIPModel

    make_clip.open_clip_class()  # the stand-in for torchvision
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer = SimpleTokenizer(str(HERE / "tokenizer_vocabulary.txt.gz"))
    vocabulary = len(tokenizer.encoder)
    config = CLIPConfig(
        text_config=dict(hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=vocabulary,
                         bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1, pad_token_id=0),
        vision_config=dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=SIZE,
                           patch_size=8),
        projection_dim=12)
    config._attn_implementation = "eager"
    model = CLIPModel(config)
    make_clip.randomise(model)
    model = model.half()
    folder = FOLDER / "model"
    model.save_pretrained(folder)
    for extra in folder.glob("generation_config.json"):
        extra.unlink()
    keep = folder / "config.json"
    keep.write_text(json.dumps(json.loads(keep.read_text()), indent=1) + "\n")
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "do_resize": True, "size": {"shortest_edge": SIZE}, "do_center_crop": True, "crop_size": {"height": SIZE, "width": SIZE},
        "resample": 3, "do_normalize": True, "image_mean": MEAN, "image_std": STD}, indent=1) + "\n")

    model = model.double().eval()
    unit = lambda x: x / x.norm(dim=-1, keepdim=True)
    with torch.no_grad():
        rows = []
        for name in CLASSES:
            tokens = tokenizer([template.format(name) for template in TEMPLATES])
            texts = model.text_projection(model.text_model(input_ids=tokens).pooler_output)
            rows.append(unit(unit(texts).mean(0)))
        features = unit(model.visual_projection(model.vision_model(pixel_values=pixels()).pooler_output))
        logits = model.logit_scale.exp() * features @ torch.stack(rows).T
    print(vocabulary, "ids; largest logit", logits.abs().max().item(), "accuracy",
          (logits.argmax(1) == torch.arange(40) % 3).double().mean().item())
    save_file({"logits": logits.float().contiguous()}, FOLDER / "logits.safetensors")


if __name__ == "__main__":
    main()
