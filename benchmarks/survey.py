"""`python -m benchmarks.survey`: what a survey costs over the plain forward pass of the same pictures, and on Ray over that.

ViT-B/16 with seeded weights; entropy, distance and special tokens of all 144 heads. In turns in one run: the plain pass in batches,
pictures read and prepared or given ready; the survey in one process; and, with ``--ray``, the survey in one process with two
threads and that of two workers of one thread each. With ``--memory N``, alone: the peak of memory of a survey of N scenes by
`scene-vit` over that of the first 100. Each is the median over the rounds, beside its smallest and largest; a survey's rate counts from its first shard on, since
starting workers is paid once. Processor seconds are of the whole process, so that other load on the machine matters less.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import vit_attention as va

TWO = "survey, local, two threads"
MEASURES = ("entropy", "distance", "special share")


def pictures(folder: Path, count: int, side: int = 320) -> list[str]:
    """JPEGs of smooth noise, which decode about as fast as photographs."""
    found = []
    for n in range(count):
        small = np.random.default_rng(n).integers(0, 256, (24, 24, 3), dtype=np.uint8)
        path = folder / f"{n:05d}.jpg"
        Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(path, quality=92)
        found.append(str(path))
    return found


def vit_b(folder: Path) -> Path:
    """Seeded weights of ViT-B/16 as torchvision saves them."""
    from vit_attention import compat  # noqa: F401  (compat goes before torchvision)

    import torchvision  # isort: skip

    torch.manual_seed(0)
    torch.save(torchvision.models.vit_b_16().state_dict(), folder / "vit-b-16.pth")
    return folder / "vit-b-16.pth"


def plain(model: Any, files: Sequence[str], batch: int, ready: bool) -> tuple[float, float]:
    """Seconds and processor seconds a picture of the forward pass alone, or of opening the pictures and the pass."""
    pixels = [model.prepare(file).pixels for file in files] if ready else []
    wall, own = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        for start in range(0, len(files), batch):
            some = files[start : start + batch]
            given = pixels[start : start + batch] or [model.prepare(file).pixels for file in some]
            model.module(torch.cat(given))
    return (time.perf_counter() - wall) / len(files), (time.process_time() - own) / len(files)


def surveyed(model: Any, files: Sequence[str], batch: int, **options: Any) -> tuple[float, float]:
    """Seconds and processor seconds a picture of a survey, seconds from the end of each worker's first shard on."""
    out = Path(tempfile.mkdtemp())
    own, workers = time.process_time(), options.pop("workers", 1)
    begun = time.time()
    va.survey(
        model, files, out, measures=MEASURES, batch=batch, shard_size=batch, extremes=0, progress=False, **options
    )
    used = (time.process_time() - own) / len(files)
    ends = sorted(path.stat().st_mtime for path in (out / "parts").iterdir())
    shutil.rmtree(out)
    first = ends[workers - 1] if workers > 1 else begun
    done = len(files) - batch * workers if workers > 1 else len(files)
    return (ends[-1] - first) / done, used


def on_two_threads(model: Any, files: Sequence[str], batch: int) -> tuple[float, float]:
    """`surveyed` in this process with two threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        return surveyed(model, files, batch)
    finally:
        torch.set_num_threads(before)


def memory(count: int) -> None:
    """Print the peak of this process after a survey of 100 scenes, and after one of `count`."""
    peaks = []
    for some in (100, count):
        out = Path(tempfile.mkdtemp())
        va.survey("scene-vit", f"scene-1..{some}", out, measures=MEASURES, progress=False)
        shutil.rmtree(out)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)
        print(
            f"{some} scenes: at most {peaks[-1]:.0f} MB, {peaks[-1] - peaks[0]:.0f} MB over those after 100", flush=True
        )


def row(name: str, own: Sequence[float], base: Sequence[float]) -> str:
    """One line: the median in milliseconds, and the rate over that of the base, with its range over the rounds."""
    shares = [there / here for here, there in zip(own, base, strict=True)]
    middle = statistics.median(shares)
    return f"| {name} | {1000 * statistics.median(own):.0f} | {middle:.2f} | {min(shares):.2f} to {max(shares):.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--ray", action="store_true", help="Also two workers with one thread each, against two threads."
    )
    parser.add_argument("--memory", type=int, metavar="N", help="The memory of a survey of N scenes, alone.")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.memory:
        memory(given.memory)
    else:
        in_turns(given)


def in_turns(given: argparse.Namespace) -> None:
    """Print what everything costs beside the forward pass."""
    folder = Path(tempfile.mkdtemp())
    files = pictures(folder, given.pictures)
    weights = vit_b(folder)
    model = va.load("vit-b-16", weights)
    turns: dict[str, Callable[[], tuple[float, float]]] = {
        "forward pass of prepared pictures": lambda: plain(model, files, given.batch, True),
        "opening the pictures and forward pass": lambda: plain(model, files, given.batch, False),
        "survey, local": lambda: surveyed(model, files, given.batch),
    }
    if given.ray:
        from vit_attention.surveying.on_ray import Cluster, Weights

        cluster = Cluster(workers=2)
        turns[TWO] = lambda: on_two_threads(model, files, given.batch)
        turns["survey, Ray, two workers"] = lambda: surveyed(
            model, files, given.batch, engine="ray", cluster=cluster, weights=Weights("vit-b-16", weights), workers=2
        )
    cores = sorted(os.sched_getaffinity(0))[: given.threads]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in turns}
    plain(model, files[: given.batch], given.batch, False)  # warm
    for _ in range(given.rounds):
        for name, turn in turns.items():
            whole = os.sched_getaffinity(0)
            if "two" not in name:
                os.sched_setaffinity(0, cores)  # else opening the next pictures would have a core of its own
            found[name].append(turn())
            os.sched_setaffinity(0, whole)
    shutil.rmtree(folder)
    print(f"{given.pictures} pictures, batches of {given.batch}, {given.threads} thread(s), {given.rounds} rounds")
    for base in ("forward pass of prepared pictures", *([TWO] if given.ray else [])):
        for part, unit in ((0, "ms a picture"), (1, "ms of processor a picture")):
            print(f"\n| | {unit} | rate over: {base} | range |\n| --- | ---: | ---: | --- |")
            for name in found:
                if part == 0 or "Ray" not in name:
                    print(row(name, [one[part] for one in found[name]], [one[part] for one in found[base]]))


if __name__ == "__main__":
    main()
