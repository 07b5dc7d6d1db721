"""`python -m benchmarks.survey`: what a survey costs over the plain forward pass of the same pictures, and on Ray over that.

ViT-B/16 with seeded weights; entropy, distance and special tokens of all 144 heads. In turns in one run: the plain pass in batches,
pictures read and prepared or given ready; the survey in one process; and, with ``--ray``, that of two workers with one thread
each. Each is the median over the rounds, beside its smallest and largest; a survey's rate counts from its first shard on, since
starting workers is paid once. Processor seconds are of the whole process, so that other load on the machine matters less.
"""

from __future__ import annotations

import argparse
import os
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


def row(name: str, own: Sequence[float], base: Sequence[float]) -> str:
    """One line: the median in milliseconds, and the rate over that of the base, with its range over the rounds."""
    shares = [there / here for here, there in zip(own, base, strict=True)]
    middle = statistics.median(shares)
    return f"| {name} | {1000 * statistics.median(own):.0f} | {middle:.2f} | {min(shares):.2f} to {max(shares):.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ray", action="store_true", help="Also two workers with one thread each.")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
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
        turns["survey, Ray, two workers"] = lambda: surveyed(
            model, files, given.batch, engine="ray", cluster=cluster, weights=Weights("vit-b-16", weights), workers=2
        )
    cores = sorted(os.sched_getaffinity(0))[: given.threads]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in turns}
    plain(model, files[: given.batch], given.batch, False)  # warm
    for _ in range(given.rounds):
        for name, turn in turns.items():
            whole = os.sched_getaffinity(0)
            if "Ray" not in name:
                os.sched_setaffinity(0, cores)  # else opening the next pictures would have a core of its own
            found[name].append(turn())
            os.sched_setaffinity(0, whole)
    shutil.rmtree(folder)
    print(f"{given.pictures} pictures, batches of {given.batch}, {given.threads} thread(s), {given.rounds} rounds")
    for base in ("forward pass of prepared pictures", "survey, local"):
        for part, unit in ((0, "ms a picture"), (1, "ms of processor a picture")):
            print(f"\n| | {unit} | rate over: {base} | range |\n| --- | ---: | ---: | --- |")
            for name in found:
                if part == 0 or "Ray" not in name:
                    print(row(name, [one[part] for one in found[name]], [one[part] for one in found[base]]))


if __name__ == "__main__":
    main()
