"""Ids of CLIP's original tokenizer for some 2 400 texts, and the part of its vocabulary that they need.

    pip download --no-deps open_clip_torch==3.3.0 && pip install ftfy==6.3.1 regex==2026.11.19       # Python 3.11
    python3 tests/golden/make_tokenizer.py open_clip_torch-3.3.0-py3-none-any.whl

writes tokenizer_vocabulary.txt.gz, in the form of bpe_simple_vocab_16e6.txt.gz but with those merges only that a text makes, and
tokenizer.json.gz: {"texts": [...], "ids": [[...], ...], "ranks": [...]}. The ids, without start and end, are those that open_clip's
SimpleTokenizer, the original code, gives with the small vocabulary; `ranks` are the ranks of its merges in the whole one. The script fails
unless the same code with the whole vocabulary cuts every text into the same symbols: id 512 + i here is 512 + ranks[i] there.

Left out are random texts that ftfy takes for wrongly decoded in another way than models/text/repair.hpp knows; how many is printed.
"""
import gzip
import importlib.util
import itertools
import json
import random
import sys
import tempfile
import types
import unicodedata
import zipfile
from pathlib import Path

import ftfy

GOLDEN = Path(__file__).parent
random.seed(0)

CLASSES = """annual crop land|forest|brushland or shrubland|highway or road|industrial buildings or commercial buildings|pasture land|
permanent crop land|residential buildings or homes or apartments|river|lake or sea|airplane|automobile|bird|cat|deer|dog|frog|horse|ship|truck|
banded|blotchy|braided|bubbly|bumpy|chequered|cobwebbed|crosshatched|crystalline|polka-dotted|honeycombed|interlaced|zigzagged|wrinkled|
red and white circle 20 kph speed limit|end / de-restriction of 80 kph speed limit|red circle with white horizonal stripe no entry|
red and white triangle with bicyle warning|blue circle with white forward or right turn arrow mandatory|stop|aquarium_fish|lawn_mower|
AM General Hummer SUV 2000|Acura RL Sedan 2012|Audi S4 Sedan 2007|BMW M3 Coupe 2012|Rolls-Royce Phantom Drophead Coupe Convertible 2012|
smart fortwo Convertible 2012|baseball diamond|ground track field|snowberg|thermal power station|apartment building outdoor|tench|
great white shark|hen|axolotl|Komodo dragon|black-footed ferret|T-shirt|CRT monitor|jack-o'-lantern|potter's wheel|cliff dwelling|
crème brûlée|piñata|fried rice|bœuf bourguignon|0|1|2|3|4|5|6|7|8|9""".replace("\n", "").split("|")
TEMPLATES = ["a photo of a {}.", "a photo of the number: \"{}\".", "a centered satellite photo of {}.",
             "a zoomed in photo of a \"{}\" traffic sign.", "i love my {}!", "a jpeg corrupted photo of the {}.", "itap of my {}.",
             "the origami {}.", "aerial imagery of the {}."]
SENTENCES = """The quick brown fox jumps over the lazy dog.|It's 2023, isn't it? They've said we'll see; I'm sure you're right, he'd agree.|
snake_case_name & camelCaseName -> kebab-case-name|e-mail: someone@example.org, https://example.org/a?b=c&d=e#f|C++20, C#, F# and x86-64|
3.14159 * 2 = 6.28318; 1,000,000.00 USD @ 7%|10:30am-11:45pm on 01/02/2003|(parentheses) [brackets] {braces} <angles>|"quoted" 'single' `back`|
DON'T SHOUT 'S 'T 'RE 'VE 'M 'LL 'D|rock'n'roll o'clock y'all'd've|!!!???...---___***|!'s ''s '''ll|supercalifragilisticexpialidocious|
antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis|aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa|
<|startoftext|> and <|endoftext|>|<start_of_text>hello<end_of_text><end_of_text>|<START_OF_TEXT> world|<ſtart_of_text> world|it'ſ KELVIN \u212a|
tab\tand\nnewline\r\nand\rreturn\u2028line\u2029paragraph\u00a0no-break\u3000ideographic\u2003em|  leading and trailing   |\u00ad soft\u00adhyphen|
zero\u200bwidth\u200cjoin\u200der\u2060s|\ufeffbyte order mark|nul\x00 bell\x07 escape\x1b[31mred\x1b[0m delete\x7f|\x1b[1;2 not\x1b[;m an escape|
caf\u00e9 cafe\u0301 CAF\u00c9 CAFE\u0301|na\u00efve co\u00f6perate fa\u00e7ade S\u00e3o Paulo Zürich Malmö Łódź Kraków İstanbul Iğdır|
Straße GROSSE STRASSE ẞ|ΟΔΥΣΣΕΥΣ ΣΑΣ Σ ΑΣ. ΑΣΑ ὈΔΥΣΣΕΎΣ Σ'Σ|Ωμέγα άλφα ᾳ ᾼ ͅ α\u0345|Привет, МИР! Ёлка їжак|שלום עולם|مرحبا بالعالم ٣٤٥|नमस्ते दुनिया १२३|
สวัสดีชาวโลก|你好，世界！|こんにちは世界。カタカナ ﾊﾝｶｸ ｶﾞ|안녕하세요 세계 \u1112\u1161\u11ab|Xin chào thế giới đẹp|ａｂｃ ＡＢＣ １２３ ￥ ￣|ﬁnd ﬂow oﬃce ﬀ ﬆ ﬅ Ĳ ŉ Ǆ ǆ|
“curly” ‘single’ it’s ‟low‛ ʼn|… – — ‐ ‑ • · § ¶ † ‡|½ ¼ ² ³ ¹ ① Ⅷ ⅷ ⅛ 〇 ㉈|€ £ ¥ ₹ ₿ ¢|™ © ® ℠ ℃ № ℡|→ ⇒ ∀x∈ℝ ∑∏√∞≠≤|\u1e9b\u0323 \u0344 \u212b \u2126 \uf900 \ufb1f|
q\u0307\u0323 q\u0323\u0307 a\u0328\u0301 \u0301a|\u0958 \u0f73 \u0f43 \u09c7\u09be \u1100\u1161\u11a8 \uac00\u11a8|😀 😃😄 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 ❤️ ☺ 1️⃣ #️⃣|🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f|
a😀b 😀s 😀's|𝒽𝑒𝓁𝓁𝑜 𝐖𝐨𝐫𝐥𝐝 𝟏𝟐𝟑|ᎣᏏᏲ ꭰ 𐐀𐐨 Ა ა|Å Å ﷺ ﷽|\U0010ffff \ue000 \ufffd \uffff""".replace("|\n", "|").split("|")
REFERENCES = """fish &amp; chips &lt;3|&amp;amp;amp;|&amp;amp;lt;b&amp;amp;gt;|&eacute;t&eacute; &Eacute; &EACUTE; &NTILDE; &nTILDE; &SZLIG; &FRAC12;|
&#233; &#xE9; &#XE9; &#x1F600; &#128512;|&#128; &#x80; &#150; &#x9f; &#x81;|&#0; &#xD800; &#x110000; &#99999999999999999999; &#xFFFE; &#1; &#11; &#13;|
&eacute &eacuteon &notit; &notin; &notinx; &ampx &copy2024 &amp|& && &; &# &#; &#x; &#xg; &#12x; &unknown; &CounterClockwiseContourIntegral;|
<b>bold</b> &lt;i&gt; &amp;|&lsquo;x&rsquo; &ldquo;y&rdquo; &hellip; &mdash; &nbsp;.|<a> &rsquo; &hellip; &NTILDE;|&lt;\n&EACUTE; <\n&EACUTE;|&fflig; &FFILIG; &bne; &BNE;|
&zwj; &shy; &Tab;x&NewLine;y|&thetav; &THETAV; &imath; &IMATH; &sigmaf; &SIGMAF;|&#39;s &apos;t &#x27;ll|&Jscr;ohn &HilbertSpace;ancock|&frac12; &sup2; &Aopf;|
&thisnameiswaytoolongtobeone; &a; &lt &gt &LT&GT;|&#59; &#38;amp; &amp;#38;amp;|&#x2019;s &#8217;t &ldquo;&#8221;""".replace("|\n", "|").split("|")
REREAD = """cafÃ© crÃ¨me|âœ” No problems|Ã¼ber|The Mona Lisa doesnâ€™t have eyebrows.|naÃ¯ve|ã“ã‚“|l\x92art|\x93quoted\x94 \x80 5|sÃ³|Â© 2024|
itâ€™s|Ð¿Ñ€Ð¸Ð²ÐµÑ‚|\xf0\x9f\x98\x80|ÃƒÂ©|price: 10Â\xa0EUR|
CAFÉ’S|the “CAFÉ” said|STRAUß’ Werke|Ä–Ö|“l’été’”|GÖTTERDÄMMERUNG… “SIEGFRIED”|5 × 3²|Ü° Ç¶|‘É’|naïve “É”""".replace("|\n", "|").split("|")


def random_texts():
    words = " ".join(SENTENCES[:12] + CLASSES).split()
    for _ in range(300):
        yield " ".join(random.choice([str.lower, str.upper, str.title, str])(random.choice(words)) for _ in range(random.randrange(1, 20)))
    for _ in range(250):
        yield "".join(chr(random.randrange(32, 127)) for _ in range(random.randrange(1, 60)))
    blocks = [(0xA0, 0x250), (0x250, 0x370), (0x370, 0x530), (0x530, 0x700), (0x900, 0xE00), (0xE00, 0x1200), (0x1E00, 0x2000), (0x2000, 0x2C00),
              (0x2C00, 0x3000), (0x3000, 0x3400), (0x4E00, 0xA000), (0xA000, 0xABC0), (0xAC00, 0xD7A4), (0xF900, 0x10000), (0x10000, 0x11000),
              (0x1D000, 0x1F000), (0x1F000, 0x1FB00), (0x20000, 0x20100)]
    for low, high in blocks:
        for _ in range(20):
            yield "".join(random.choice([" ", "a", "'", "."]) if random.random() < 0.2 else chr(random.randrange(low, high))
                          for _ in range(random.randrange(1, 14)))
    names = [name for name in ftfy.chardata.HTML_ENTITIES if len(name) < 12]
    for _ in range(120):
        yield "".join(random.choice(["x", " ", "<", "&", ";", *[random.choice(names)] * 4])[: random.choice([2, 4, 99])]
                      for _ in range(random.randrange(1, 8)))
    letters = "àâäçéèêëîïôöùûüÿñáíóúßøåæœšžčřýěďťňğışőűąęłńśźżțăđðþÀÉÖÜÑŠŽ"
    for _ in range(150):
        text = " ".join("".join(random.choice("aeiourstlnmdc" * 2 + letters) for _ in range(random.randrange(2, 10))) for _ in range(4))
        yield random.choice([text, text.upper(), unicodedata.normalize("NFD", text)])


def all_texts():
    texts = ["", " ", "\n\t ", "\u3000"]
    texts += [template.format(name) for name in CLASSES for template in TEMPLATES]
    texts += [random.choice([str.upper, str.title])(name) for name in CLASSES]
    texts += SENTENCES + REFERENCES + REREAD
    texts += [a + b for a, b in itertools.product(SENTENCES[:4], SENTENCES[28:])]
    texts += ["photo " * 100, "a" * 300, "日本" * 60, "😀" * 50, " ".join(CLASSES), "é" * 200, "!" * 500, "1234567890" * 10]
    left_out = 0
    for text in random_texts():
        if ftfy.fix_text(text, fix_encoding=False) == ftfy.fix_text(text):
            texts.append(text)
        else:
            left_out += 1
    print(left_out, "random texts left out: ftfy takes them for wrongly decoded")
    return list(dict.fromkeys(texts))


def original_code(wheel, folder):
    zipfile.ZipFile(wheel).extractall(folder)
    torch = types.ModuleType("torch")  # only tensors need it
    torch.Tensor = torch.LongTensor = None
    sys.modules["torch"] = torch
    sys.modules.setdefault("numpy", types.ModuleType("numpy"))
    spec = importlib.util.spec_from_file_location("tokenizer", Path(folder) / "open_clip" / "tokenizer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def packed(data):
    return gzip.compress(data, 9, mtime=0)


def main():
    with tempfile.TemporaryDirectory() as folder:
        code = original_code(sys.argv[1], folder)
        whole = code.SimpleTokenizer()
        texts = all_texts()
        whole_ids = [whole.encode(text) for text in texts]
        merge_of = {"".join(pair): (rank, pair) for pair, rank in whole.bpe_ranks.items()}
        needed = {}

        def need(symbol):
            if symbol in merge_of:
                rank, pair = merge_of[symbol]
                needed[rank] = pair
                for part in pair:
                    need(part)

        for token in {token for ids in whole_ids for token in ids}:
            need(whole.decoder[token])
        ranks = sorted(needed)
        lines = ["#version: 0.2, merges that tests/golden/make_tokenizer.py needs", *(" ".join(needed[rank]) for rank in ranks)]
        vocabulary = GOLDEN / "tokenizer_vocabulary.txt.gz"
        vocabulary.write_bytes(packed("\n".join(lines).encode()))

        small = code.SimpleTokenizer(str(vocabulary))
        ids = [small.encode(text) for text in texts]
        for text, a, b in zip(texts, whole_ids, ids):
            assert [whole.decoder[x] for x in a] == [small.decoder[x] for x in b], text
    written = json.dumps({"texts": texts, "ids": ids, "ranks": ranks}, separators=(",", ":"))
    (GOLDEN / "tokenizer.json.gz").write_bytes(packed(written.encode()))
    print(len(texts), "texts,", sum(map(len, ids)), "ids,", len(ranks), "merges,", sum(len(i) > 75 for i in ids), "too long")
    for name in ("tokenizer_vocabulary.txt.gz", "tokenizer.json.gz"):
        print(name, (GOLDEN / name).stat().st_size)


main()
