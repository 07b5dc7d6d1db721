"""`python -m benchmarks.photo`: seconds and peak memory of photographs through one model, at its own size and larger.

Every row is a process of its own, whose peak (VmHWM, Linux) counts from the start of Python. Imports are not timed. Of
several rounds the fastest counts, by the clock and in processor time, since others may use the machine.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.timing import table

SPARING: dict[str, Any] = {"queries": [0], "whole": [8], "keep": {"head-mean"}, "half": True}
ROWS: dict[str, dict[str, Any] | None] = {
    "load": None,
    "own size, all maps": {},
    "518, class rows, one layer, head mean, half": {"size": 518, **SPARING},
    "518, all maps": {"size": 518},
}


def peak() -> float:
    """Largest resident memory of this process so far, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def row(model_name: str, work: str, rounds: int) -> str:
    """One row of the table, tab by tab: seconds by the clock and of the processor, bytes of the record, peak."""
    import torch

    import vit_attention as va

    torch.set_num_threads(2)
    model, asked, size, found, taken = va.load(model_name), ROWS[work], 0.0, None, []
    for _ in range(rounds):
        found = None  # the last one is let go before the next comes
        start = time.perf_counter(), time.process_time()
        found = va.load(model_name) if asked is None else model.attend("coffee", **asked)
        taken.append((time.perf_counter() - start[0], time.process_time() - start[1]))
        size = getattr(found, "nbytes", 0) / 2**20
    clock, processor = (min(times) for times in zip(*taken, strict=True))
    return f"{clock:.2f} s\t{processor:.2f} s\t{size:.0f} MiB\t{peak():.0f} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="photo-dino")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--row", choices=list(ROWS), help="only this row, in this process")
    args = parser.parse_args()
    if args.row:
        print(row(args.model, args.row, args.rounds))
        return
    rows = []
    for work in ROWS:
        command = [sys.executable, "-m", __spec__.name, "--model", args.model, "--rounds", str(args.rounds)]
        found = subprocess.run(
            [*command, "--row", work],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "2"},
        )
        rows.append((work, *found.stdout.strip().split("\t")))
    print(
        table(
            f"{args.model}, two threads, fastest of {args.rounds}:",
            rows,
            ("work", "time", "processor", "record", "peak"),
        )
    )


if __name__ == "__main__":
    main()
