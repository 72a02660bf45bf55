"""Writes models/text/unicode_tables.cpp and models/text/html_entities.cpp: what Python, its `regex` package and its `html` package know about
characters, asked of them one code point at a time, so that the C++ tokenizer treats every one as CLIP's original tokenizer does.

    pip install regex==2026.11.19          # Python 3.11, whose own tables are of Unicode 14
    python3 tests/golden/make_text_tables.py
"""
import html
import unicodedata
from html.entities import html5
from pathlib import Path

import regex

TEXT = Path(__file__).parents[2] / "models" / "text"
ALL = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]

# The alternatives of the original pattern, with its flag: under IGNORECASE U+0345 is none of the three.
LETTER = regex.compile(r"[\p{L}]+", regex.IGNORECASE)
NUMBER = regex.compile(r"[\p{N}]", regex.IGNORECASE)
OTHER = regex.compile(r"[^\s\p{L}\p{N}]+", regex.IGNORECASE)


def ranges(belongs):
    found = []
    for letter in ALL:
        if belongs(letter):
            c = ord(letter)
            if found and found[-1][1] == c - 1:
                found[-1][1] = c
            else:
                found.append([c, c])
    return found


def shifts(pairs):
    """(code, image) pairs as (first, last, step, distance): the codes first, first + step, ..., last lie `distance` before their images."""
    found = []
    for code, image in pairs:
        if found:
            first, last, step, distance = found[-1]
            gap = code - last
            if image - code == distance and gap in (1, 2) and (step == gap or first == last):
                found[-1] = [first, code, gap, distance]
                continue
        found.append([code, code, 1, image - code])
    return found


def table(kind, name, rows, about):
    text = f"// {about}\nconst std::array<{kind}, {len(rows)}> {name}Rows = {{{{\n"
    line = "   "
    for row in rows:
        cell = " {" + ", ".join(str(x) if isinstance(x, str) else (hex(x) if x > 9 else str(x)) for x in row) + "},"
        if len(line) + len(cell) > 118:
            text += line + "\n"
            line = "   "
        line += cell
    return text + line + "\n}};\n\n"


def cased(letter):
    return (letter + "Σ").lower().endswith("ς")


def case_ignorable(letter):
    return not cased(letter) and ("A" + letter + "Σ").lower().endswith("ς")


def nfc(text):
    return unicodedata.normalize("NFC", text)


def unicode_tables():
    for letter in ALL:
        kinds = [bool(pattern.fullmatch(letter)) for pattern in (LETTER, NUMBER, OTHER)]
        assert sum(kinds) == 1 or letter == "\u0345" or letter.isspace(), hex(ord(letter))
    lower = [(ord(x), ord(x.lower())) for x in ALL if x.lower() != x and len(x.lower()) == 1]
    assert [x for x in ALL if len(x.lower()) > 1] == ["\u0130"]
    width = [(i, unicodedata.normalize("NFKC", chr(i))) for i in range(0xFF01, 0xFFF0)]
    assert [i for i, image in width if len(image) > 1] == [0xFFE3]

    composed, decomposed = [], []
    for letter in ALL:
        parts = unicodedata.decomposition(letter)
        if not parts or parts.startswith("<"):
            continue
        first, second = ([int(x, 16) for x in parts.split()] + [0])[:2]
        (composed if second and nfc(letter) == letter else decomposed).append((ord(letter), first, second))
    combining = []
    for letter in ALL:
        c, order = ord(letter), unicodedata.combining(letter)
        if order:
            if combining and combining[-1][1] == c - 1 and combining[-1][2] == order:
                combining[-1][1] = c
            else:
                combining.append([c, c, order])

    tables = [
        ("CodeRange", "letters", ranges(LETTER.fullmatch), "What \\p{L} matches."),
        ("CodeRange", "numbers", ranges(NUMBER.fullmatch), "What \\p{N} matches."),
        ("CodeRange", "cased", ranges(cased), "A capital sigma at the end of a word becomes \u03c2: after one of these ..."),
        ("CodeRange", "case_ignorable", ranges(case_ignorable), "... and any number of these, if none of the first follows."),
        ("CodeShift", "lower", shifts(lower), "str.lower; only U+0130 becomes two."),
        ("CodeShift", "width", shifts([(i, ord(x)) for i, x in width if x != chr(i) and i != 0xFFE3]),
         "NFKC of the half-width and full-width forms, U+FF01 to U+FFEF; U+FFE3 becomes two."),
        ("CombiningRange", "combining", combining, "Canonical combining classes other than 0."),
        ("Decomposition", "composed", composed, "Canonical pairs that NFC puts together again ..."),
        ("Decomposition", "decomposed", decomposed, "... and those it does not, and single characters (0) that stand for another."),
    ]
    text = f"""// Made by tests/golden/make_text_tables.py from Python's unicodedata {unicodedata.unidata_version} and regex {regex.__version__}; not to be edited.
#include "models/text/unicode_tables.hpp"

#include <array>

// clang-format off
namespace models::tables {{
namespace {{

"""
    for kind, name, rows, about in tables:
        text += table(kind, f"k{name.title().replace('_', '')}", rows, about)
    text += "}  // namespace\n\n"
    for kind, name, _, _ in tables:
        text += f"std::span<const {kind}> {name}() noexcept {{ return k{name.title().replace('_', '')}Rows; }}\n"
    text += "\n}  // namespace models::tables\n"
    (TEXT / "unicode_tables.cpp").write_text(text)
    for _, name, rows, _ in tables:
        print(name, len(rows))


def codes(text):
    return ", ".join(f"0x{ord(x):X}" for x in text)


def html_entities():
    rows = [(name, text) for name, text in sorted(html5.items())]
    upper = []  # ftfy also knows names in capitals, as capitals of what they stand for
    for name, text in rows:
        capitals = "&" + name.upper()
        if name.endswith(";") and name == name.lower() and name.upper() not in html5 and html.unescape(capitals) == capitals:
            if text.upper() != text:
                upper.append((name.upper(), text.upper()))
    out = """// Made by tests/golden/make_text_tables.py from Python's html.entities.html5; not to be edited.
#include "models/text/html_entities.hpp"

#include <array>

// clang-format off
namespace models::tables {
namespace {

"""
    for name, entries, about in (("kEntities", rows, "All, by name; those without a semicolon are also found without one."),
                                 ("kCapitalEntities", upper, "Names in capitals whose meaning changes with them.")):
        out += f"// {about}\nconst std::array<Entity, {len(entries)}> {name} = {{{{\n"
        line = "   "
        for entry, text in entries:
            cell = f' {{"{entry}", {{{codes(text)}}}}},'
            if len(line) + len(cell) > 118:
                out += line + "\n"
                line = "   "
            line += cell
        out += line + "\n}};\n\n"
    out += """}  // namespace

std::span<const Entity> entities() noexcept { return kEntities; }
std::span<const Entity> capital_entities() noexcept { return kCapitalEntities; }

}  // namespace models::tables
"""
    (TEXT / "html_entities.cpp").write_text(out)
    print("entities", len(rows), "capitals", len(upper), "longest", max(len(t) for _, t in rows + upper))


unicode_tables()
html_entities()
