"""`python -m benchmarks.atlas`: the surveys of the head atlas, summarised into tutorials/findings/surveys.json.

`scene-vit` looks at scenes 1 to 5,000 and `photo-dino` at all sample photographs. The surveys lie in a folder, so that a run that is
stopped goes on where it was; ``--summary`` summarises what is there, however much that is.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import vit_attention as va
from tutorials.findings.summarising import summary
from tutorials.findings.surveyed import FILE, Survey
from worlds.photographs import photographs

MEASURES = ("entropy", "distance", "special share", "inside")
"""What has a distribution; "pointing" is 1 or 0 on every picture."""
FOLDER = Path("runs/atlas")
"""Where the surveys lie meanwhile."""
SHARD = 100
"""Scenes of a shard: a run that is stopped loses less."""


def pictures(model: str, count: int) -> tuple[Any, str]:
    """What a model looks at, and how the page calls it."""
    if model == "scene-vit":
        return f"scene-1..{count}", "scenes, from number 1 on"
    return [*photographs()], "all sample photographs"


def summarised(folder: Path, about: str) -> Survey:
    """The summary of a survey's folder, whether or not the survey is done."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    said = {"model": manifest["model"], "about": about, "weights": manifest["weights_hash"][:16]}
    found = summary(sorted((folder / "heads").glob("*.parquet")), said)
    kept = {name: one for name, one in found.measures.items() if name.replace("_", " ") in MEASURES}
    return replace(found, measures=kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5000, help="scenes (default 5000)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"of the surveys (default {FOLDER})")
    parser.add_argument("--summary", action="store_true", help="summarise what is there and run nothing")
    args = parser.parse_args()
    found = {}
    for model in ("scene-vit", "photo-dino"):
        given, about = pictures(model, args.count)
        if not args.summary:
            va.survey(model, given, args.folder / model, measures=MEASURES, shard_size=SHARD, extremes=0)
        found[model] = summarised(args.folder / model, about).plain()
        print(f"{model}: {found[model]['pictures']:,} pictures", flush=True)
    FILE.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
