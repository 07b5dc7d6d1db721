"""`python -m benchmarks.photo`: seconds and peak memory of photographs through one model, at its own size and larger.

Every row is a process of its own, whose peak (VmHWM, Linux) counts from the start of Python.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
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
    """One row of the table, tab by tab: seconds, bytes of the record, peak."""
    import torch

    import vit_attention as va

    torch.set_num_threads(2)
    start, asked, size, record = time.perf_counter(), ROWS[work], 0.0, None
    model = va.load(model_name)
    took = [time.perf_counter() - start]
    if asked is not None:
        took = []
        for _ in range(rounds):
            record = None  # the last one is let go before the next comes
            start = time.perf_counter()
            record = model.attend("scene-7", **asked)
            took.append(time.perf_counter() - start)
            size = record.nbytes / 2**20
    return f"{statistics.median(took):.2f} s\t{size:.0f} MiB\t{peak():.0f} MiB"


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
    print(table(f"{args.model}, two threads, medians of {args.rounds}:", rows, ("work", "time", "record", "peak")))


if __name__ == "__main__":
    main()
