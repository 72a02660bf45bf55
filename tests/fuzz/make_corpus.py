"""The seeds of the fuzz targets: small sound files, and some that mean harm. Pictures and MATLAB files of tests/golden are seeds as well.

    python3 tests/fuzz/make_corpus.py        # writes tests/fuzz/corpus; the standard library is enough
"""
import gzip
import json
import struct
import zlib
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, rows, extra=b"", interlace=0):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(kind, extents, name, *rest):
    return element(14, element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack(f"<{len(extents)}i", *extents))
                   + element(1, name.encode()) + b"".join(rest))


def mat(*elements):
    return b"made for tests".ljust(124) + struct.pack("<HH", 0x0100, 0x4D49) + b"".join(elements)


def packed(data):
    squeezed = zlib.compress(data)
    return struct.pack("<II", 15, len(squeezed)) + squeezed


def safetensors(entries, data, metadata=None):
    header = json.dumps({**({"__metadata__": metadata} if metadata else {}), **entries}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


merges = "#version: 0.2\na b\nab c</w>\nc d</w>\n"
plain = [chr(x) for x in range(33, 256) if x < 127 or x > 160 and x != 173]
plain += [chr(256 + x) for x in range(256 - len(plain))]
ids = {x: i for i, x in enumerate([*plain, *(x + "</w>" for x in plain), "ab", "abc</w>", "cd</w>", "<|startoftext|>", "<|endoftext|>"])}
write("vocabulary", "merges", merges)
write("vocabulary", "merges.gz", gzip.compress(merges.encode(), mtime=0))
write("vocabulary", "twice", merges.replace("c d", "a b"))
write("vocabulary", "younger", "#version: 0.2\nab c</w>\na b\nc d</w>\n")
write("vocabulary", "symbols", json.dumps(ids))
write("vocabulary", "escaped", json.dumps(ids, ensure_ascii=False))
write("vocabulary", "beyond", json.dumps({**ids, "ab": 517}))
write("vocabulary", "twice_a", '{"a": 1, "a": 2}')
write("tokenizer", "references", "&eacute;&amp;amp; &#x80; &NTILDE; &notit; &#99999999999; <b> &lt;")
write("tokenizer", "letters", "The \u03a3\u0391\u03a3 \u0130 a\u0301\u0323 \uff21 \ufb01 \u1112\u1161\u11ab \U0001f600's 3rd don\u2019t")
write("tokenizer", "reread", "caf\u00c3\u00a9 l\u0092art \x1b[31mred\x1b[0m \r\n")
write("tokenizer", "special", "<|startoftext|><|\u017ftartoftext|>'\u017f <|endoftext|>")
write("tokenizer", "broken", b"caf\xe9 \xed\xa0\x80 \xf4\x90\x80\x80")

images = struct.pack(">IIII", 2051, 3, 2, 3) + bytes(range(18))
labels = struct.pack(">II", 2049, 3) + bytes([2, 0, 1])
for name, data in {"images": images, "labels": labels}.items():
    write("idx", name, data)
    write("idx", name + ".gz", gzip.compress(data, mtime=0))
write("idx", "members.gz", gzip.compress(images[:5], mtime=0) + gzip.compress(images[5:], mtime=0))
write("idx", "many", struct.pack(">IIII", 2051, 0xFFFFFFFF, 4096, 4096))
write("idx", "bomb.gz", gzip.compress(struct.pack(">IIII", 2051, 3, 200, 200) + bytes(120_000), mtime=0))

write("cifar", "ten", b"\0" + bytes([1]) + bytes(i % 251 for i in range(3072)))
write("cifar", "names", b"\1" + b"plane\ncar\n\n")
write("cifar", "hundred", b"\2" + bytes([1, 2]) + bytes(i % 251 for i in range(3072)))
write("cifar", "fine_names", b"\3" + b"apple\r\naquarium fish\r\n")
write("cifar", "stl10_labels", b"\4" + bytes([1]))
write("cifar", "stl10_names", b"\5" + b"airplane\nbird")

table = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\r\na.ppm;1;1;0;0;1;1;1\r\nb.ppm;1;1;0;0;1;1;0\r\n"
write("gtsrb", "table", table)
write("gtsrb", "marked", "\ufeffFilename;ClassId\na.ppm;0\n")
write("gtsrb", "packed.gz", gzip.compress(table.encode(), mtime=0))
for name, path in {"up": "../secret.ppm", "absolute": "/etc/passwd", "link": "out/secret.ppm", "loop": "loop/a.ppm",
                   "dots": ".././a.ppm/..//secret.ppm"}.items():
    write("gtsrb", name, f"Filename;ClassId\n{path};1\n")

write("list_files", "dtd", "\0banded/banded_1.ppm\ndotted/2.ppm\n")
write("list_files", "sun397", "\1/a/banded/banded_1.ppm\n/a/dotted/2.ppm\n")
write("list_files", "resisc45", "\2banded_1.ppm\r\n")
write("list_files", "classes", "\3first class\nsecond class\n")
for name, path in {"up": "banded/../../secret.ppm", "absolute": "/etc/passwd", "link": "banded/out/secret.ppm",
                   "loop": "banded/loop/a.ppm"}.items():
    write("list_files", name, f"\0{path}\n")
write("list_files", "up_resisc45", "\2.._/secret.ppm\n")
write("list_files", "up_sun397", "\1//../secret.ppm\n")

pixels = matrix(9, [2, 3, 3, 2], "X", element(2, bytes(range(36))))
digits = matrix(9, [2, 1], "y", element(2, bytes([1, 10])))
write("mat", "svhn", mat(pixels, digits))
write("mat", "svhn_packed", mat(packed(pixels), packed(digits)))
write("mat", "doubles", mat(pixels, matrix(6, [2, 1], "y", element(9, struct.pack("<2d", 1, 10)))))
write("mat", "small_element", mat(matrix(6, [1, 1], "z", struct.pack("<HHI", 2, 1, 7))))
write("mat", "cells", mat(matrix(1, [1, 3], "c", element(14, b""), matrix(4, [1, 2], "", element(17, b"ab")),
                                 matrix(4, [1, 2], "", element(4, "é!".encode("utf-16-le"))))))
fields = b"fname".ljust(8, b"\0") + b"class".ljust(8, b"\0")
one = matrix(4, [1, 9], "", element(16, b"00001.jpg")) + matrix(6, [1, 1], "", element(2, b"\1"))
annotations = mat(matrix(2, [1, 1], "annotations", element(5, struct.pack("<i", 8)), element(1, fields), one))
write("mat", "struct", annotations)
write("stanford_cars", "annotations", annotations)
write("stanford_cars", "up", annotations.replace(b"00001.jpg", b"../../x.a"))
write("stanford_cars", "names", mat(matrix(1, [1, 1], "class_names", matrix(4, [1, 3], "", element(16, b"car")))))
empty_class = matrix(4, [1, 9], "", element(16, b"00001.jpg")) + matrix(4, [1, 1], "", element(16, b""))
write("stanford_cars", "empty_class",
      mat(matrix(2, [1, 1], "annotations", element(5, struct.pack("<i", 8)), element(1, fields), empty_class)))



def segment(marker, data):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg(*segments, data, frame=0xC0, height=8, tables=0, last=b"\0\x3f\0"):
    """A grey picture, 8 wide: the segments, then extents, the head of a scan, what it scans, and the end."""
    extents = struct.pack(">BHH", 8, height, 8) + b"\1\1\x11\0"
    return b"\xff\xd8" + b"".join(segments) + segment(frame, extents) + segment(0xDA, bytes([1, 1, tables]) + last) + data + b"\xff\xd9"


def codes(which, counts, values):
    return segment(0xC4, bytes([which, *counts]).ljust(17, b"\0") + values)


ones = segment(0xDB, bytes([0] + [1] * 64))
largest = segment(0xDB, b"\x10" + b"\xff" * 128)
dc, ac, dc15 = codes(0, [1], b"\0"), codes(0x10, [1], b"\0"), codes(0, [1], b"\x0f")
write("picture", "plain.jpg", jpeg(ones, dc, ac, data=b"\0" * 8))
write("picture", "no_tables.jpg", jpeg(ones, data=b"\x5a\xa5" * 16))
write("picture", "no_ac_table.jpg", jpeg(ones, dc, data=b"\x35\xa5" * 16, tables=3))
write("picture", "no_quantization.jpg", jpeg(dc, ac, data=b"\0" * 8))
write("picture", "256_codes.jpg", jpeg(ones, codes(0, [0] * 7 + [255, 1], bytes(256)), ac, data=b"\xff\0\0\0" * 4))
write("picture", "overflow.jpg", jpeg(largest, dc15, ac, data=b"\x7f\xff\0\x3f\xff\0\x80", height=16))
write("picture", "overflow_progressive.jpg", jpeg(dc15, ones, data=b"\x7f\xff\0" * 16, frame=0xC2, height=127, last=b"\0\0\x0d"))

damaged = bytearray((CORPUS.parent.parent / "golden/pictures/ycc420.jpg").read_bytes())
table = damaged.index(b"\xff\xc4") + 5
damaged[table:table + 16] = b"\xff" * 16
write("picture", "many_codes.jpg", bytes(damaged))
write("picture", "huge.png", png(60000, 60000, 8, 2, b"x"))
write("picture", "largest.png", png(10000, 10000, 16, 6, b"x"))
write("picture", "interlaced.png", png(3, 3, 8, 0, b"".join(b"\0" + b"abc"[:n] for n in (1, 1, 2, 2, 1, 3)), interlace=1))
write("picture", "filters.png", png(4, 5, 8, 2, b"".join(bytes([f]) + bytes(range(12 * f, 12 * f + 12)) for f in range(5))))
write("picture", "palette.png", png(8, 2, 1, 3, b"\0\x5a\0\xa5", chunk(b"PLTE", bytes(range(6))) + chunk(b"tRNS", b"\x80")))
write("picture", "few_colours.png", png(3, 1, 8, 3, b"\0\1\5\xc8", chunk(b"PLTE", b"abcdef")))
write("picture", "few_colours.bmp", b"BM" + struct.pack("<IHHI", 66, 0, 0, 62) + struct.pack("<IiiHHIIiiII", 40, 3, 1, 1, 8, 0, 4, 0, 0, 2, 0)
      + b"abc\0def\0\1\5\xc8\0")
write("picture", "grey.pgm", b"P5 # comment\n3 2 100\nabcdef")
write("picture", "deep.ppm", b"P6 1 1 65535\nabcdef")
write("picture", "rows.bmp", b"BM" + struct.pack("<IHHI", 66, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 2, -1, 1, 24, 0, 12, 0, 0, 0, 0)
      + b"abcdef\0\0\0\0\0\0")

sound = {"a": entry("F32", [2, 2], 0, 16), "b": entry("F16", [3], 16, 22), "c": entry("I64", [], 22, 30), "d": entry("F64", [0, 7], 30, 30)}
write("safetensors", "sound", safetensors(sound, bytes(range(30)), {"format": "pt"}))
write("safetensors", "brain", safetensors({"x": {**entry("BF16", [4], 0, 8), "new": [1, {"a": None}, -1.5, "\u00e9"]}}, bytes(8)))
hidden = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "hidden_act": "gelu"}
pixels = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "size": {"shortest_edge": 224}, "crop_size": 224, "resample": 3}
nested = {"model_type": "clip", "projection_dim": 8, "vision_config": {**hidden, "image_size": 32, "patch_size": 16}, "text_config": hidden,
          "text_config_dict": {**hidden, "eos_token_id": 2}, **pixels, "image_processor": pixels}
write("clip", "hugging_face", json.dumps(nested).encode())
write("clip", "vision_alone", json.dumps({"model_type": "clip_vision_model", **hidden}).encode())
write("clip", "open_clip", json.dumps({
    "model_cfg": {"embed_dim": 8, "quick_gelu": True, "vision_cfg": {"width": 64, "layers": 1, "mlp_ratio": 2.5, "head_width": 32},
                  "text_cfg": {"width": 64, "heads": 2, "layers": 1}},
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic", "resize_mode": "shortest"}}).encode())
write("clip", "index", json.dumps({"weight_map": {"logit_scale": "model.safetensors", "visual.proj": "../model.safetensors"}}).encode())
write("clip", "line_ends", json.dumps({"weight_map": {"logit\nscale": "a\nb.safetensors"}}).encode())
write("clip", "name", b"vision_model.encoder.layers.11.self_attn.q_proj.weight")
block = "text_model.encoder.layers.0.self_attn."
write("clip", "tensors", safetensors({block + "k_proj.bias": entry("F16", [2], 0, 4), block + "q_proj.bias": entry("F16", [2], 4, 8),
                                      "text_projection.weight": entry("BF16", [2, 3], 8, 20), "logit_scale": entry("F64", [], 20, 28)},
                                     bytes(28)))
write("safetensors", "two_gib", struct.pack("<Q", 2**31) + b"{}")
write("safetensors", "hole", safetensors({"a": entry("F32", [1], 4, 8)}, bytes(8)))
write("safetensors", "overflow", safetensors({"a": entry("F32", [2**62, 2**62], 0, 8)}, bytes(8)))
write("safetensors", "empty", safetensors({}, b""))
