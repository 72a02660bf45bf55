"""The peers' side of the protocol: one request a line on stdin, one JSON object a line on stdout.

    prepare WORK MODE THREADS [VARIANTS]    build, compile, warm up -> {"ok": true, "variants": [...], "failed": {...}}
    run WORK MODE THREADS VARIANT           one timed iteration     -> {"seconds": s, "cpu_seconds": s, "peak_bytes": n}
    check WORK MODE THREADS FILE            every variant on a small batch against the reference in FILE, which is
                                            written if it is missing
    golden FILE                             features against tests/golden/vit_reference.safetensors, which the C++
                                            tests are held to as well
    quit

With VARIANTS, separated by commas, only those are built; with one, a fresh process holds nothing else when its memory
is measured.
`peak_bytes` is the high water of the resident set during that iteration; `base_bytes`, of `prepare`, the resident set
before any weight was made (interpreter and libraries).
"""

import ctypes
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from works import MODES, WORKS, Work, parameter_shapes

Flat = NDArray[np.float32]

WARM_UPS = 2
CHECK_BATCH = 4
TOLERANCE = 1e-3


class Job(Protocol):
    """A work in one mode, its weights and batch in memory, shared by all variants."""

    def variants(self) -> dict[str, Callable[[], Callable[[], object]]]:
        """Name -> what builds the variant; the result runs one iteration and returns when it is done."""

    def observe(self, iteration: Callable[[], object]) -> dict[str, Flat]:
        """What one variant computes from fresh weights, for comparison."""


MakeJob = Callable[[Work, str, int, int], Job]  # work, mode, threads, batch
Evaluate = Callable[[Work, dict[str, Flat], Flat], Flat]  # work, parameters, images -> features

GOLDEN = Work("golden", image=8, patch=4, width=8, depth=2, heads=2, batch=5, embedding=6, mlp_ratio=2)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# --- memory --------------------------------------------------------------------------------------


def keep_memory() -> None:
    """Tell the C allocator to keep what is freed, so that an iteration does not fault its pages in again."""
    m_trim_threshold, m_top_pad, m_mmap_max = -1, -2, -4
    libc = ctypes.CDLL(None)
    libc.mallopt(m_mmap_max, 0)
    libc.mallopt(m_trim_threshold, 2**31 - 1)
    libc.mallopt(m_top_pad, 64 << 20)


def _status(key: str) -> int | None:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def resident_bytes() -> int | None:
    return _status("VmRSS")


def peak_bytes() -> int | None:
    return _status("VmHWM")


def reset_peak() -> bool:
    """Start the high water anew (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return True
    except OSError:
        return False


# --- requests ------------------------------------------------------------------------------------


class Server:
    """Keeps the last prepared job and answers requests about it."""

    def __init__(self, make_job: MakeJob, evaluate: Evaluate) -> None:
        self._make_job, self._evaluate = make_job, evaluate
        self._prepared: tuple[str, str, int] | None = None
        self._job: Job | None = None
        self._iterations: dict[str, Callable[[], object]] = {}

    def answer(self, words: list[str]) -> dict[str, object]:
        if words[0] == "golden":
            return self.golden(Path(words[1]))
        command, work, mode, threads = words[0], WORKS[words[1]], words[2], int(words[3])
        if mode not in MODES:
            raise ValueError(f"[serve] a mode is one of {', '.join(MODES)}; got '{mode}'.")
        if command == "prepare":
            return self.prepare(work, mode, threads, words[4].split(",") if len(words) > 4 else None)
        if command == "run":
            return self.run(work, mode, threads, words[4])
        if command == "check":
            return self.check(work, mode, threads, Path(words[4]))
        raise ValueError(f"[serve] a request is prepare, run, check or quit; got '{command}'.")

    def prepare(self, work: Work, mode: str, threads: int, only: list[str] | None) -> dict[str, object]:
        self._iterations, self._prepared, self._job = {}, None, None  # frees the last job
        base = resident_bytes()
        self._job = self._make_job(work, mode, threads, work.batch)
        failed: dict[str, str] = {}
        seconds: dict[str, float] = {}
        for name, build in self._job.variants().items():
            if only is not None and name not in only:
                continue
            begin = time.perf_counter()
            try:
                iteration = build()
                for _ in range(WARM_UPS):
                    iteration()
                self._iterations[name] = iteration
            except Exception as error:  # a variant that does not work is a result
                failed[name] = reason(error)
            seconds[name] = round(time.perf_counter() - begin, 1)
            say(f"  {name}: {failed.get(name, 'ready')} ({seconds[name]} s)")
        if not self._iterations:
            return {"ok": False, "why": "; ".join(f"{name}: {why}" for name, why in failed.items()) or "no variant"}
        self._prepared = (work.name, mode, threads)
        return {"ok": True, "variants": list(self._iterations), "failed": failed, "prepare_seconds": seconds,
                "base_bytes": base}

    def run(self, work: Work, mode: str, threads: int, variant: str) -> dict[str, object]:
        if self._prepared != (work.name, mode, threads):
            raise ValueError(f"[serve] prepared is {self._prepared}; asked to run {(work.name, mode, threads)}.")
        iteration = self._iterations[variant]
        resets = reset_peak()
        begin, begin_cpu = time.perf_counter(), time.process_time()
        iteration()
        seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - begin_cpu
        return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_bytes": peak_bytes() if resets else None}

    def check(self, work: Work, mode: str, threads: int, file: Path) -> dict[str, object]:
        self._iterations, self._prepared, self._job = {}, None, None
        job = self._make_job(work, mode, threads, CHECK_BATCH)
        errors: dict[str, dict[str, float]] = {}
        failed: dict[str, str] = {}
        for name, build in job.variants().items():
            try:
                observed = job.observe(build())
                if not file.exists():
                    np.savez(file, **observed)
                errors[name] = difference(observed, file)
            except Exception as error:
                failed[name] = reason(error)
            say(f"  {name}: {errors.get(name, failed.get(name))}")
        ok = not failed and all(e <= TOLERANCE for parts in errors.values() for e in parts.values())
        return {"ok": ok, "errors": errors, "failed": failed}


    def golden(self, file: Path) -> dict[str, object]:
        tensors = read_safetensors(file)
        params = {name: tensors[f"theta0.{name}"] for name in parameter_shapes(GOLDEN)}
        found, expected = self._evaluate(GOLDEN, params, tensors["input.images"]), tensors["output"]
        error = float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
        return {"ok": error <= TOLERANCE, "errors": {"features": {"golden": error}}, "failed": {}}


def read_safetensors(file: Path) -> dict[str, Flat]:
    """The f64 tensors of a file, as f32."""
    data = file.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    return {
        name: np.frombuffer(data[end + about["data_offsets"][0]:end + about["data_offsets"][1]], dtype="<f8")
        .astype(np.float32).reshape(about["shape"])
        for name, about in header.items() if name != "__metadata__"
    }


def difference(observed: dict[str, Flat], file: Path) -> dict[str, float]:
    """The distance of each part from the reference, relative to the reference's length."""
    result: dict[str, float] = {}
    with np.load(file) as reference:
        for name in reference.files:
            expected, found = reference[name].ravel(), observed[name].ravel()
            if expected.shape != found.shape:
                raise ValueError(f"[check] {name} has {expected.size} elements; got {found.size}.")
            length = float(np.linalg.norm(expected))
            error = float(np.linalg.norm(found - expected)) / length
            result[name] = error if np.isfinite(error) and length > 0.0 else float("1e30")
    return result


def reason(error: Exception) -> str:
    """The error in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]


def serve(make_job: MakeJob, evaluate: Evaluate) -> None:
    """Answer until `quit` or the end of stdin. Only answers go to stdout, whatever a library prints."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    server = Server(make_job, evaluate)
    for line in sys.stdin:
        words = line.split()
        if not words:
            continue
        if words[0] == "quit":
            break
        try:
            answer = server.answer(words)
        except Exception as error:
            answer = {"ok": False, "why": reason(error)}
        print(json.dumps(answer), file=answers, flush=True)
