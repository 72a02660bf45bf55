"""Run the same works in Tangent, PyTorch and JAX, turn by turn, and print how their times compare.

Each side is a process that answers the requests at the top of serve.py. For every work and mode the sides are started
afresh, prepared, and then take turns, one iteration each, in an order that rotates with the round; a time is a median.
Memory is measured afterwards: one more process for each variant, which prepares nothing else.

Usage: python experiments/peers/compare.py --benchmark build/release/bin/benchmark --torch-python .torch/bin/python \\
           --jax-python .jax/bin/python
"""

import argparse
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.dont_write_bytecode = True
from works import MODES, WORKS  # noqa: E402

HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parents[1] / "tests" / "golden" / "vit_reference.safetensors"
OURS = "tangent"
PAUSE_S = 0.05  # between turns, for threads that still spin
FEWEST_ROUNDS = 7
MEMORY_MODES = ("standard_step", "tangent_step")
MEMORY_RUNS = 2

Answer = dict[str, object]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class PeerError(RuntimeError):
    """A side that died, went silent or answered nonsense."""


class Refusal(PeerError):
    """A side that lives and answered that it cannot."""


# --- the sides -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Side:
    """How to start one side."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


class Process:
    """One side, running. A context manager; requests raise PeerError."""

    def __init__(self, side: Side, patience_s: float) -> None:
        self.side, self._patience_s = side, patience_s
        self._log = tempfile.TemporaryFile("w+", errors="replace")
        try:
            self._child = subprocess.Popen(side.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                           stderr=self._log, env=os.environ | side.environment)
        except OSError as error:
            self._log.close()
            raise PeerError(f"cannot start {side.command[0]}: {error.strerror}") from error
        self._pending = b""

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._write("quit")
            self._child.wait(timeout=10)
        except (PeerError, subprocess.TimeoutExpired):
            self._child.kill()
            self._child.wait()
        for stream in (self._child.stdin, self._child.stdout, self._log):
            try:
                stream.close()
            except OSError:
                pass

    def ask(self, request: str) -> Answer:
        """The answer to one request."""
        self._write(request)
        line = self._read_line()
        try:
            answer = json.loads(line)
        except ValueError:
            raise PeerError(f"answered '{line[:200]}' to '{request}'; needed a JSON object") from None
        if not isinstance(answer, dict):
            raise PeerError(f"answered '{line[:200]}' to '{request}'; needed a JSON object")
        if answer.get("why"):
            raise Refusal(str(answer["why"]))
        return answer

    def _write(self, request: str) -> None:
        try:
            self._child.stdin.write(request.encode() + b"\n")
            self._child.stdin.flush()
        except OSError:
            raise PeerError(self._epitaph()) from None

    def _read_line(self) -> str:
        deadline = time.monotonic() + self._patience_s
        while b"\n" not in self._pending:
            ready, _, _ = select.select([self._child.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self._child.kill()
                raise PeerError(f"gave no answer in {self._patience_s:.0f} s")
            chunk = os.read(self._child.stdout.fileno(), 1 << 16)
            if not chunk:
                raise PeerError(self._epitaph())
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode(errors="replace")

    def _epitaph(self) -> str:
        """How it ended: the status and the last line that it said."""
        try:
            status = self._child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return "closed its output"
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        self._log.seek(0)
        said = [line.strip() for line in self._log.read().splitlines() if line.strip()]
        return f"{how}: {said[-1][:200]}" if said else how


# --- measuring -----------------------------------------------------------------------------------


@dataclass
class Variant:
    """What was measured of one variant of a side."""

    side: str
    name: str
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)  # of all threads; empty if the side does not say
    peak_bytes: int | None = None
    base_bytes: int | None = None

    @property
    def label(self) -> str:
        return self.name if self.side == OURS else f"{self.side} {self.name}"

    @property
    def median(self) -> float | None:
        return statistics.median(self.seconds) if self.seconds else None


@dataclass
class Row:
    """One work in one mode."""

    work: str
    mode: str
    variants: list[Variant] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)  # label -> why it is missing


def start_sides(sides: list[Side], row: Row, options: argparse.Namespace) -> list[tuple[Process, list[Variant]]]:
    """The sides that could be prepared, with their variants; the others' reasons go to the row."""
    request = f"prepare {row.work} {row.mode} {options.threads}"
    some = f" {options.variants}" if options.variants else ""
    ready: list[tuple[Process, list[Variant]]] = []
    for side in sides:
        say(f"{row.work} {row.mode}: preparing {side.name}")
        process: Process | None = None
        try:
            process = Process(side, options.patience)
            answer = process.ask(request if side.name == OURS else request + some)
            variants = [Variant(side.name, str(name)) for name in answer["variants"]]
        except (PeerError, KeyError, TypeError) as error:
            row.reasons[side.name] = str(error) if isinstance(error, PeerError) else "answered no variants"
            say(f"  {side.name}: {row.reasons[side.name]}")
            if process is not None:
                process.__exit__()
            continue
        for name, why in dict(answer.get("failed") or {}).items():
            row.reasons[f"{side.name} {name}"] = str(why)
        ready.append((process, variants))
        row.variants += variants
    return ready


def take_turns(ready: list[tuple[Process, list[Variant]]], row: Row, threads: int, rounds: int) -> None:
    """`rounds` iterations of every variant, one after the other; each round begins with the next one."""
    turns = [(process, variant) for process, variants in ready for variant in variants]
    for n in range(rounds):
        shift = n % max(len(turns), 1)
        for process, variant in turns[shift:] + turns[:shift]:
            if variant.label in row.reasons or process.side.name in row.reasons:
                continue
            time.sleep(PAUSE_S)
            try:
                answer = process.ask(f"run {row.work} {row.mode} {threads} {variant.name}")
                variant.seconds.append(float(answer["seconds"]))
                if answer.get("cpu_seconds") is not None:
                    variant.cpu_seconds.append(float(answer["cpu_seconds"]))
            except (PeerError, KeyError, TypeError, ValueError) as error:
                who = variant.label if isinstance(error, Refusal) else process.side.name
                row.reasons[who] = f"{variant.name}, round {n + 1}: {error}"
                say(f"  {who}: {row.reasons[who]}")
        say(f"  round {n + 1}/{rounds}, ms: " + ", ".join(
            f"{v.label} {1e3 * v.seconds[-1]:.1f}" for _, v in turns if len(v.seconds) == n + 1))
    for _, variant in turns:
        if len(variant.seconds) < rounds:
            variant.seconds = []  # half a series is no measurement


def measure_memory(sides: list[Side], row: Row, threads: int, patience_s: float) -> None:
    """The high water of the resident set during an iteration, each variant in a process of its own."""
    by_name = {side.name: side for side in sides}
    for variant in row.variants:
        if not variant.seconds:
            continue
        try:
            with Process(by_name[variant.side], patience_s) as process:
                request = f"prepare {row.work} {row.mode} {threads}"
                answer = process.ask(request if variant.side == OURS else f"{request} {variant.name}")
                variant.base_bytes = _integer(answer.get("base_bytes"))
                peaks = [_integer(process.ask(f"run {row.work} {row.mode} {threads} {variant.name}").get("peak_bytes"))
                         for _ in range(MEMORY_RUNS)]
            variant.peak_bytes = max((peak for peak in peaks if peak is not None), default=None)
        except PeerError as error:
            row.reasons[f"{variant.label}, memory"] = str(error)
        say(f"  memory of {variant.label}: {megabytes(variant.peak_bytes)} MB")


def _integer(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) else None


def measure(work: str, mode: str, sides: list[Side], options: argparse.Namespace) -> Row:
    row = Row(work, mode)
    ready = start_sides(sides, row, options)
    try:
        take_turns(ready, row, options.threads, options.rounds)
    finally:
        for process, _ in ready:
            process.__exit__()
    if options.memory and mode in MEMORY_MODES:
        measure_memory(sides, row, options.threads, options.patience)
    return row


# --- tables --------------------------------------------------------------------------------------

COLUMNS: tuple[tuple[str, str, str], ...] = (  # heading, side, how its variants begin
    ("torch eager", "torch", "eager"),
    ("torch compile", "torch", "compile"),
    ("jax", "jax", ""),
)


def best(row: Row, side: str, prefix: str = "") -> Variant | None:
    """The fastest variant of a side."""
    found = [v for v in row.variants if v.side == side and v.name.startswith(prefix) and v.seconds]
    return min(found, key=lambda v: v.median or 0.0, default=None)


def megabytes(count: int | None) -> str:
    return "-" if count is None else f"{count / 1e6:.0f}"


def milliseconds(variant: Variant | None) -> str:
    return "-" if variant is None or variant.median is None else f"{1e3 * variant.median:.1f}"


def ratio(variant: Variant | None, ours: Variant | None) -> str:
    """How many times our time the variant takes."""
    if variant is None or ours is None or not variant.median or not ours.median:
        return "-"
    return f"{variant.median / ours.median:.2f}x"


def aligned(lines: list[list[str]]) -> list[str]:
    """Columns side by side, the first one left, the others right."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return ["  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                      for i, (cell, w) in enumerate(zip(line, widths, strict=True))).rstrip() for line in lines]


def summary(rows: list[Row]) -> list[str]:
    """One line a mode: the fastest variant of each kind."""
    lines = [["mode", "tangent ms"] + [cell for heading, _, _ in COLUMNS for cell in (f"{heading} ms", "ratio")]]
    for row in rows:
        ours = best(row, OURS)
        peers = [best(row, side, prefix) for _, side, prefix in COLUMNS]
        lines.append([row.mode, milliseconds(ours)] +
                     [cell for peer in peers for cell in (milliseconds(peer), ratio(peer, ours))])
    return aligned(lines)


def every_variant(rows: list[Row]) -> list[str]:
    """One line a variant."""
    lines = [["variant", "ms", "fastest", "cpu ms", "images/s", "ratio", "peak MB", "base MB"]]
    for row in rows:
        ours, images = best(row, OURS), WORKS[row.work].batch
        for v in row.variants:
            if v.median is not None:
                cpu_ms = f"{1e3 * min(v.cpu_seconds):.1f}" if v.cpu_seconds else "-"
                lines.append([f"{row.mode}: {v.label}", milliseconds(v), f"{1e3 * min(v.seconds):.1f}", cpu_ms,
                              f"{images / v.median:.1f}", ratio(v, ours), megabytes(v.peak_bytes),
                              megabytes(v.base_bytes)])
    return aligned(lines)


def report(rows: list[Row], threads: int, rounds: int) -> str:
    out: list[str] = []
    for work in dict.fromkeys(row.work for row in rows):
        mine = [row for row in rows if row.work == work]
        w = WORKS[work]
        out += [f"{work}: images {w.image}x{w.image}, patch {w.patch}, width {w.width}, depth {w.depth}, "
                f"heads {w.heads}, batch {w.batch}, f32, {threads} threads; medians of {rounds} turns",
                *summary(mine), ""]
        out += [*every_variant(mine), ""]
        out += [f"- {row.mode}, {label}: {why}" for row in mine for label, why in row.reasons.items()] + [""]
    out.append("ms: median; ratio: the peer's time / ours. The columns show the fastest variant of each kind.")
    out.append("fastest, cpu ms: the smallest time, and processor time of all threads, of any turn.")
    return "\n".join(out)


def as_json(rows: list[Row], options: argparse.Namespace) -> str:
    return json.dumps({"threads": options.threads, "rounds": options.rounds, "pause_s": PAUSE_S,
                       "rows": [asdict(row) for row in rows]}, indent=1)


# --- comparing what is computed ------------------------------------------------------------------


def check(sides: list[Side], options: argparse.Namespace) -> bool:
    """Every variant of every peer against eager PyTorch's first one, on a small batch. Prints one line a variant."""
    good = all([check_side(side, f"golden {GOLDEN}", options) for side in sides])
    for work in options.works:
        for mode in options.modes:
            with tempfile.TemporaryDirectory() as folder:
                for side in sides:
                    request = f"check {work} {mode} {options.threads} {Path(folder) / 'reference.npz'}"
                    good &= check_side(side, request, options)
    print("all agree" if good else "NOT all agree")
    return good


def check_side(side: Side, request: str, options: argparse.Namespace) -> bool:
    about = " ".join(request.split()[1:3]) if request.startswith("check") else "golden file"
    try:
        with Process(side, options.patience) as process:
            answer = process.ask(request)
    except PeerError as error:
        print(f"{about}, {side.name}: {error}")
        return False
    for name, parts in dict(answer["errors"]).items():
        print(f"{about}, {side.name} {name}: " + ", ".join(f"{part} {e:.1e}" for part, e in parts.items()), flush=True)
    for name, why in dict(answer["failed"]).items():
        print(f"{about}, {side.name} {name}: {why}", flush=True)
    return bool(answer["ok"])


# --- options -------------------------------------------------------------------------------------


def choice(allowed: tuple[str, ...], what: str, text: str) -> list[str]:
    """The comma-separated names."""
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in allowed:
            raise argparse.ArgumentTypeError(f"{what} are {', '.join(allowed)}; got '{name}'")
    return names


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"needs a positive number; got {text}")
    return number


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--benchmark", type=Path, default=Path("build/release/bin/benchmark"), help="our program")
    parser.add_argument("--works", type=lambda t: choice(tuple(WORKS), "works", t), default=list(WORKS))
    parser.add_argument("--modes", type=lambda t: choice(MODES, "modes", t), default=list(MODES))
    parser.add_argument("--threads", type=positive, default=2)
    parser.add_argument("--rounds", type=positive, default=9, help=f"at least {FEWEST_ROUNDS}, unless --trial")
    parser.add_argument("--torch-python", default=sys.executable, help="an interpreter that has torch")
    parser.add_argument("--jax-python", default=sys.executable, help="an interpreter that has jax")
    parser.add_argument("--peers", type=lambda t: choice(("torch", "jax"), "peers", t), default=["torch", "jax"])
    parser.add_argument("--variants", help="only these of the peers, separated by commas; default all")
    parser.add_argument("--json", type=Path, help="write every time here")
    parser.add_argument("--only-peers", action="store_true", help="without our program")
    parser.add_argument("--no-memory", dest="memory", action="store_false", help="do not measure memory")
    parser.add_argument("--patience", type=float, default=3600.0, help="seconds to wait for an answer")
    parser.add_argument("--trial", action="store_true", help="allow few rounds")
    parser.add_argument("--check", action="store_true", help="compare the peers' values instead of their times")
    options = parser.parse_args()
    if options.rounds < (1 if options.trial else FEWEST_ROUNDS):
        parser.error(f"--rounds must be at least {FEWEST_ROUNDS}; got {options.rounds}")
    return options


def make_sides(options: argparse.Namespace) -> list[Side]:
    interpreters = {"torch": options.torch_python, "jax": options.jax_python}
    sides = [Side(name, (interpreters[name], str(HERE / f"{name}_peer.py"))) for name in options.peers]
    if options.only_peers or options.check:
        return sides
    return [Side(OURS, (str(options.benchmark), "--serve")), *sides]


def confine(threads: int) -> None:
    """All sides get the same processors, as many as threads: a process started from here inherits them."""
    processors = sorted(os.sched_getaffinity(0))
    if threads > len(processors):
        raise SystemExit(f"[compare] --threads {threads} needs as many processors; there are {len(processors)}.")
    os.sched_setaffinity(0, processors[:threads])


def main() -> int:
    options = parse()
    confine(options.threads)
    sides = make_sides(options)
    if options.check:
        return 0 if check(sides, options) else 1
    rows: list[Row] = []
    for work in options.works:
        for mode in options.modes:
            rows.append(measure(work, mode, sides, options))
            if options.json is not None:  # after each row, so that an interrupted run leaves what it has
                options.json.write_text(as_json(rows, options) + "\n")
    print(report(rows, options.threads, options.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
