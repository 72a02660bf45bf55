"""Reference values for decoding and resizing, from Pillow. Makes pictures/ and resize.txt beside this script.

    pip install pillow==11.3.0 numpy; python tests/golden/make_pictures.py

pictures/NAME.EXT is an input, pictures/NAME.EXT.ppm what Image.open(input).convert("RGB") makes of it.
resize.txt has a line per case: kind, seed, height, width, new height, new width, CRC-32 of the resized bytes [H, W, 3];
new width 0 stands for the whole evaluation pipeline to a square of the new height. The pictures are drawn by `picture`.
"""
import io
import random
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
OUT = HERE / "pictures"
HEIGHT, WIDTH = 7, 9


def picture(kind, seed, height, width):
    """kind 0: noise, 1: noise of 0 and 255, 2: a smooth gradient."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    if kind == 2:
        return ((x * 255) // width + (y * 100) // height + 40 * c + seed).astype(np.uint32).astype(np.uint8)
    bits = (((x * 73856093) ^ (y * 19349663) ^ (c * 83492791) ^ (seed * 2971215073)) & 0xFFFFFFFF).astype(np.uint64)
    for _ in range(2):
        bits = (bits ^ (bits >> np.uint64(15))) * np.uint64(2246822519) & np.uint64(0xFFFFFFFF)
    noise = (bits >> np.uint64(24)).astype(np.uint8)
    return noise if kind == 0 else np.where(noise > 127, 255, 0).astype(np.uint8)


def evaluation(image, size):
    """torchvision's Resize(size, BICUBIC) and CenterCrop(size) on a Pillow image."""
    width, height = image.size
    short = min(width, height)
    image = image.resize((size * width // short, size * height // short), Image.BICUBIC)
    top = int(round((image.size[1] - size) / 2.0))
    left = int(round((image.size[0] - size) / 2.0))
    return image.crop((left, top, left + size, top + size))


def write_resize_cases():
    draw = random.Random(4)
    lines = []
    for case in range(360):
        kind, seed = case % 3, draw.randrange(1000)
        most = draw.choice([6, 40, 300])
        height, width = draw.randint(1, most), draw.randint(1, most)
        new_height, new_width = draw.randint(1, most), draw.randint(1, most)
        if case % 10 == 0:
            new_height = height  # a pass that Pillow leaves out
        if case % 4 == 3:
            new_height, new_width = draw.choice([1, 7, 32, 64, 97]), 0
        image = Image.fromarray(picture(kind, seed, height, width))
        if new_width == 0:
            if max(height, width) * new_height > 4000 * min(height, width):
                continue  # Pillow would make the whole long strip
            image = evaluation(image, new_height)
        else:
            image = image.resize((new_width, new_height), Image.BICUBIC)
        crc = zlib.crc32(np.asarray(image).tobytes())
        lines.append(f"{kind} {seed} {height} {width} {new_height} {new_width} {crc:08x}")
    (HERE / "resize.txt").write_text("\n".join(lines) + "\n")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(colour, depth, rows, extra=b""):
    """A PNG of kinds that Pillow does not write; rows are bytes without their filter byte."""
    header = struct.pack(">IIBBBBB", WIDTH, len(rows), depth, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def write(name, data):
    (OUT / name).write_bytes(data)
    Image.open(io.BytesIO(data)).convert("RGB").save(OUT / (name + ".ppm"))


def encoded(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def write_pictures():
    OUT.mkdir(exist_ok=True)
    noise = picture(0, 1, HEIGHT, WIDTH)
    smooth = Image.fromarray(picture(2, 0, 2 * HEIGHT + 3, 2 * WIDTH + 3))
    rgb, grey = Image.fromarray(noise), Image.fromarray(noise[:, :, 0])
    alpha = Image.fromarray(picture(0, 2, HEIGHT, WIDTH)[:, :, 0])
    rows16 = np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH, 4)).astype(">u2")
    rows16[0, :, 0] = [0, 1, 254, 255, 256, 257, 511, 32768, 65535]
    bits = [bytes(row) for row in np.random.default_rng(1).integers(0, 256, (HEIGHT, 5)).astype(np.uint8)]

    write("rgb.png", encoded(rgb, "PNG"))
    write("grey.png", encoded(grey, "PNG"))
    write("one_bit.png", encoded(grey.convert("1"), "PNG"))
    write("two_bits.png", png(0, 2, [row[:3] for row in bits]))
    write("four_bits.png", png(0, 4, bits))
    write("palette.png", encoded(rgb.quantize(16), "PNG"))
    write("palette_alpha.png", encoded(rgb.quantize(16), "PNG", transparency=bytes([0, 100, 255])))
    write("grey_transparent.png", encoded(grey, "PNG", transparency=int(noise[0, 0, 0])))
    write("grey_alpha.png", encoded(Image.merge("LA", (grey, alpha)), "PNG"))
    write("rgb_alpha.png", encoded(Image.merge("RGBA", (*rgb.split(), alpha)), "PNG"))
    write("grey16.png", png(0, 16, [row[:, 0].tobytes() for row in rows16]))
    write("grey_alpha16.png", png(4, 16, [row[:, :2].tobytes() for row in rows16]))
    write("rgb16.png", png(2, 16, [row[:, :3].tobytes() for row in rows16]))
    write("rgb_alpha16.png", png(6, 16, [row.tobytes() for row in rows16]))

    for name, image in (("rgb", rgb), ("grey", grey), ("palette", rgb.quantize(16)), ("one_bit", grey.convert("1"))):
        write(name + ".bmp", encoded(image, "BMP"))
    write("rgb_alpha.bmp", encoded(Image.merge("RGBA", (*rgb.split(), alpha)), "BMP"))

    def pnm(magic, largest, channels, seed):
        values = np.random.default_rng(seed).integers(0, largest + 1, HEIGHT * WIDTH * channels)
        values[:2] = [0, largest]
        head = b"%s # a comment\n%d\t%d\n%d\n" % (magic, WIDTH, HEIGHT, largest)
        return head + values.astype("u1" if largest < 256 else ">u2").tobytes()

    for largest in (1, 15, 100, 254, 255, 256, 1000, 65535):
        write(f"rgb_{largest}.ppm", pnm(b"P6", largest, 3, largest))
        write(f"grey_{largest}.pgm", pnm(b"P5", largest, 1, largest))

    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    write("ycc444.jpg", encoded(smooth, "JPEG", quality=90, subsampling=0))
    write("ycc420.jpg", encoded(smooth, "JPEG", quality=90, subsampling=2))
    write("turned.jpg", encoded(smooth, "JPEG", quality=90, subsampling=0, exif=exif))
    write("progressive.jpg", encoded(smooth, "JPEG", quality=90, subsampling=0, progressive=True))
    write("grey.jpg", encoded(smooth.convert("L"), "JPEG", quality=90))
    write("cmyk.jpg", encoded(smooth.convert("CMYK"), "JPEG", quality=95))


if __name__ == "__main__":
    write_resize_cases()
    write_pictures()
