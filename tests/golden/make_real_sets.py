"""What the real sets in a folder like ../shared/data hold, read by Pillow, numpy and scipy instead of by us.

    pip install pillow==11.3.0 numpy scipy; python tests/golden/make_real_sets.py ../shared/data > tests/golden/real_sets.txt

A line per set and split: name, split, images, classes, CRC-32 of the labels (u16), CRC-32 of the images (-: JPEG, on which
decoders differ), their mean byte. Images are brought to 32 x 32 as CLIP's pipeline does: RGB planes, in order.
"""
import csv
import gzip
import re
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import scipy.io
from make_pictures import evaluation
from PIL import Image

DATA = Path(sys.argv[1])


def idx(name, split):
    part = {"train": "train", "test": "t10k"}[split]
    raw = gzip.open(DATA / name / f"{part}-images-idx3-ubyte.gz").read()
    _, count, height, width = struct.unpack(">4I", raw[:16])
    pixels = np.frombuffer(raw, np.uint8, offset=16).reshape(count, height, width)
    labels = gzip.open(DATA / name / f"{part}-labels-idx1-ubyte.gz").read()[8:]
    return [Image.fromarray(image).convert("RGB") for image in pixels], list(labels)


def cifar(name, split, label_bytes, files):
    raw = b"".join((DATA / name / file).read_bytes() for file in files[split])
    records = np.frombuffer(raw, np.uint8).reshape(-1, label_bytes + 3072)
    images = records[:, label_bytes:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return [Image.fromarray(np.ascontiguousarray(image)) for image in images], list(records[:, label_bytes - 1])


def mat(name, split):
    file = scipy.io.loadmat(DATA / name / f"{split}_32x32.mat")
    images = file["X"].transpose(3, 0, 1, 2)
    return [Image.fromarray(np.ascontiguousarray(image)) for image in images], [int(y) % 10 for y in file["y"].ravel()]


def pictures(files, labels):
    return [Image.open(file).convert("RGB") for file in files], labels


def folders(root):
    classes = sorted(path.name for path in root.iterdir())
    files = [(file, label) for label, name in enumerate(classes) for file in sorted((root / name).iterdir())
             if file.suffix.lower() in (".jpg", ".png", ".ppm")]
    return pictures([file for file, _ in files], [label for _, label in files])


def gtsrb(name, split):
    if split == "train":
        return folders(DATA / name / "Final_Training/Images")
    rows = list(csv.DictReader(open(DATA / name / "Final_Test/GT-final_test.csv"), delimiter=";"))
    return pictures([DATA / name / "Final_Test/Images" / row["Filename"] for row in rows], [int(row["ClassId"]) for row in rows])


def dtd(name, split):
    lines = sorted((DATA / name / f"labels/{split}1.txt").read_text().split())
    classes = sorted(path.name for path in (DATA / name / "images").iterdir())
    return pictures([DATA / name / "images" / line for line in lines], [classes.index(line.split("/")[0]) for line in lines])


def omniglot(name, split):
    root = DATA / name / "images_background_small1"
    classes = sorted(str(path.relative_to(root)) for path in root.glob("*/*"))
    files = [(file, label) for label, path in enumerate(classes) for file in sorted((root / path).iterdir())
             if (int(re.search(r"_(\d+)", file.name)[1]) <= 15) == (split == "train")]
    return pictures([file for file, _ in files], [label for _, label in files])


CIFAR10 = {"train": [f"data_batch_{i}.bin" for i in range(1, 6)], "test": ["test_batch.bin"]}
CIFAR100 = {"train": ["train.bin"], "test": ["test.bin"]}
SETS = {
    **{name: idx for name in ("mnist", "fashion_mnist", "kmnist", "notmnist")},
    "cifar10": lambda name, split: cifar(name, split, 1, CIFAR10),
    "cifar100": lambda name, split: cifar(name, split, 2, CIFAR100),
    "gtsrb": gtsrb,
    "rsscn7": lambda name, split: folders(DATA / name / split),
    "dtd10": dtd,
    "scene15": lambda name, split: folders(DATA / name / split),
    "chars74k_letters": lambda name, split: folders(DATA / name / split),
    "chars74k_digits": mat,
    "sign_digits": lambda name, split: folders(DATA / name / split),
    "omniglot": omniglot,
}
JPEG = ("rsscn7", "dtd10", "scene15", "sign_digits")

for name, read in SETS.items():
    classes = len((DATA / name / "classes.txt").read_text().split("\n")) - 1
    for split in ("train", "test"):
        images, labels = read(name, split)
        planes = np.stack([np.asarray(evaluation(image, 32)).transpose(2, 0, 1) for image in images])
        crc = "-" if name in JPEG else f"{zlib.crc32(planes.tobytes()):08x}"
        label_crc = f"{zlib.crc32(np.asarray(labels, '<u2').tobytes()):08x}"
        print(name, split, len(images), classes, label_crc, crc, f"{planes.mean():.4f}")
