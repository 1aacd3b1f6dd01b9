"""Tries the parsers with spoilt input: `python -m tests.fuzz.run --inputs 200000 --seed 1`; exit 1 and the input's
own seed when one of them breaks its promise."""

from __future__ import annotations

import argparse
import faulthandler
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from random import Random

from attrs import Factory, define

from tests.fuzz.corpus import Corpus, corpus
from tests.fuzz.targets import TARGETS

SLOW_S = 2.0
"""An input that takes longer hangs, for practical purposes; the longest legal one takes some milliseconds."""


HANG_S = 60.0
"""A thousand inputs that take longer end the run, with the line that hangs."""


@define
class Result:
    """What came of a run."""

    inputs: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    endings: Counter[str] = Factory(Counter)
    findings: list[str] = Factory(list)

    def __str__(self) -> str:
        pace = self.inputs / self.seconds if self.seconds else 0.0
        counted = ", ".join(f"{name} {count}" for name, count in sorted(self.endings.items()))
        end = "no finding" if not self.findings else f"{len(self.findings)} findings"
        slow = f"slowest {1000 * self.slowest_s:.0f} ms"
        return f"{self.inputs} inputs in {self.seconds:.1f} s ({pace:.0f} inputs/s, {slow}): {end}; {counted}"


def fuzz(inputs: int, seed: int, *, most_findings: int = 5, beat: Callable[[], None] = lambda: None) -> Result:
    """Try *inputs* inputs, the same for the same seed; *beat* is called after every thousand."""
    examples, result, began = corpus(), Result(), time.perf_counter()
    names = [name for name, (share, _) in TARGETS.items() for _ in range(share)]
    for number in range(inputs):
        name = names[number % len(names)]
        if number % 1000 == 0:
            beat()
        before = time.perf_counter()
        result.endings[f"{name} {_try(name, seed, number, examples, result.findings)}"] += 1
        took = time.perf_counter() - before
        result.inputs, result.slowest_s = number + 1, max(result.slowest_s, took)
        if took > SLOW_S:
            result.findings.append(f"{name}, seed {seed}, input {number}: took {took:.1f} s")
        if len(result.findings) >= most_findings:
            break
    result.seconds = time.perf_counter() - began
    return result


def _try(name: str, seed: int, number: int, examples: Corpus, findings: list[str]) -> str:
    try:
        return TARGETS[name][1](Random(f"{seed}/{number}"), examples)
    except Exception:
        findings.append(f"{name}, seed {seed}, input {number}:\n{traceback.format_exc(limit=-4)}")
        return "broke"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    result = fuzz(given.inputs, given.seed, beat=lambda: faulthandler.dump_traceback_later(HANG_S, exit=True))
    for finding in result.findings:
        print(finding)
    print(result)
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main())
