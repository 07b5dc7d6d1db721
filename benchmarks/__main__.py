"""`python -m benchmarks`: every figure of docs/measured.md, one command after another (hours, most of them `thousands`)."""

from __future__ import annotations

import subprocess
import sys

ALL = (
    "localisation",
    "methods",
    "captioning",
    "labels",
    "reading",
    "reading_cost",
    "photographs",
    "sinks",
    "sentences",
    "photo",
    "claims",
    "capture",
    "gradients",
    "numbers",
    "survey",
    "thousands",
    "speed",
    "upload",
    "memory",
)

for name in ALL:
    print(f"\n## python -m benchmarks.{name}\n", flush=True)
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
