"""How every method fares on every bundled model: where its map points, whether the model uses what it marks, and what it costs.

``python -m benchmarks.methods [MODEL ...]`` writes tutorials/findings/leaderboard.json, which the page *The leaderboard* shows, and
docs/leaderboard.md. Inputs are fresh: no training ever saw them (`benchmarks.cases`). Methods are those of the table whose
map can be had, at their default knobs. Beside them stand controls that know no model, a map of random numbers among them, and the
same method on the network before its training. Curves are of
every fourth case, the untrained network is asked about every second, and a method of more than 25 passes is measured on a quarter.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

import vit_attention as va
from benchmarks import cases as asked
from benchmarks.cases import Case
from benchmarks.timing import table
from tutorials.findings import standings
from visualizer import methods
from visualizer.measures import faithfulness
from visualizer.measures.score import iou, mass_in_mask, pointing_hit
from visualizer.method import Method
from vit_attention.models.encoder import EncoderModel
from vit_attention.models.untrained import untrained

FILE = Path(standings.__file__).with_name("leaderboard.json")
DOC = Path(__file__).resolve().parents[1] / "docs" / "leaderboard.md"
INTRODUCTION = """# The leaderboard: every method, model by model

`python -m benchmarks.methods` measures and writes this page, with one thread, beside other programs. Inputs are fresh: no training ever saw
them. A map **points at** the thing asked about if its strongest place lies on it (interval of 95 %, Wilson). **Untrained** is the
same method on the network before its training; it is asked about every second case. **Inside** is the share of the map's positive weight on the
thing, **IoU** the overlap with as many of the strongest places. **Deletion** (low is good) and **insertion** (high is good) are areas under the
curve of the score as places are covered or shown strongest first, in tenths, ± half an interval; they are of every fourth case. Methods of more than 25
passes were measured on a quarter of the cases at most, which the column *cases* shows. Where many places of a flow tie at 1.0, its strongest place is the first of them. All
parameters are the defaults; the page *The leaderboard* sorts and filters.
"""
COSTLY, SHARE = 25, 4
"""Passes of a map above which one case of four is measured."""
CURVES, UNTRAINED = 4, 2
"""Of the others, every fourth case is covered step by step, and every second is asked of the untrained network."""
RANDOM = "random map"
LEFT_OUT = ("components", "received", "lengths")
"""Maps that point at nothing: three signed numbers a patch, how much a patch is read by all, and how long its token is."""


@dataclass(frozen=True)
class Task:
    """What a model is asked: its cases, by how many; what they are in a sentence; and what the score is."""

    cases: Callable[[Any, int], Iterable[Case]]
    about: str
    score: str = ""


TASKS = {
    "scene-vit": Task(
        lambda _model, many: asked.of_scenes(many),
        "Scenes of two objects; each is asked for by its shape.",
        "probability of the shape",
    ),
    "scene-clip": Task(
        lambda _model, many: asked.of_labels(many),
        "Scenes of two objects; each is asked for by colour and shape, one of 12 phrases.",
        "probability of the phrase",
    ),
    "photo-dino": Task(
        lambda model, _many: asked.of_photographs(model),
        "The main outline of every outlined photograph, 224 pixels; asked is what makes it resemble its mirror image.",
        "cosine similarity of the class token to that of the mirrored photograph",
    ),
    "review-encoder": Task(
        asked.of_reviews, "Reviews; the words that decide the verdict.", "probability of the true verdict"
    ),
    "receipt-donut": Task(asked.of_receipts, "Receipts; where a word that was read right is printed."),
    "scene-aoanet": Task(asked.of_captions, "Captions of two objects; where the object is that a noun names."),
}


@dataclass(frozen=True)
class Score:
    """The scores of one map."""

    hit: float
    other: float | None
    inside: float
    iou: float
    deletion: float | None
    insertion: float | None


def scored(model: Any, case: Case, values: NDArray[np.float64], curves: bool = True) -> Score:
    """The scores of one map; `curves` covers the input step by step, too."""
    row, truth = values[None], case.truth[None].astype(float)
    other = None if case.other is None else float(pointing_hit(row, case.other[None].astype(float)))
    areas = _areas(model, case, values) if curves and case.scored is not None else (None, None)
    inside = float(mass_in_mask(row.clip(min=0), truth))
    return Score(float(pointing_hit(row, truth)), other, inside, float(iou(row, truth)), *areas)


def _areas(model: Any, case: Case, values: NDArray[np.float64]) -> tuple[float, float]:
    """Deletion and insertion AUC on the model's default baseline."""
    order = faithfulness.strongest_first(values)
    covers = faithfulness.deleted(order, values.shape, min(faithfulness.STEPS, len(values)))
    both = model.scores_covered(case.given, case.covers(np.concatenate([covers, ~covers])), **(case.scored or {}))
    shares = covers.mean(axis=1)
    first, second = np.split(both, 2)
    return float(faithfulness.area_under(shares, first)), float(faithfulness.area_under(shares, second))


def fitting(model: Any, case: Case) -> list[Method]:
    """The methods that have a map here at their default knobs; a patch's own map answers no question about the picture."""
    found = []
    for one in methods().values():
        if one.name in LEFT_OUT or one.asked_by in ("patch", "patches") or (one.asks_class and case.target is None):
            continue
        try:
            case.values(model, one)
        except ValueError:
            continue
        found.append(one)
    return found


def standing(model: Any, control: Any, method: Method, cases: Sequence[Case]) -> dict[str, Any]:
    """All figures of a method on some cases, as JSON can hold them."""
    own: list[Score] = []
    blind: list[float] = []
    took: list[float] = []
    passes = _passes(model, method, cases[0])
    costly = (passes or 0) > COSTLY
    for number, case in enumerate(cases[:: SHARE if costly else 1]):
        begun = time.perf_counter()
        values = case.values(model, method)
        took.append(1000 * (time.perf_counter() - begun))
        own.append(scored(model, case, values, curves=costly or number % CURVES == 0))
        if number % UNTRAINED == 0:
            blind.append(scored(control, case, case.values(control, method), curves=False).hit)
    cost = {"untrained": round(float(np.mean(blind)), 4), "passes": passes, "ms": round(statistics.median(took), 1)}
    return {**_figures(own), **cost}


def _passes(model: Any, method: Method, case: Case) -> int | None:
    """How many inputs go through the network for one map; None for models that have no one way through."""
    if not isinstance(model, EncoderModel):
        return None
    kind, count = type(model), 0

    class Counting(kind):  # type: ignore[misc, valid-type]
        """The same model; a copy of it, such as one with labels, counts too."""

        def _forward(self, batch: Any) -> Any:
            nonlocal count
            count += len(batch[0]) if isinstance(batch, tuple) else len(batch)
            return super()._forward(batch)

    counting = copy.copy(model)
    counting.__class__ = Counting
    case.values(counting, method)
    return count


def controls(model: Any, cases: Sequence[Case]) -> dict[str, dict[str, Any]]:
    """The figures of maps that know no model, by name."""
    found: dict[str, list[Score]] = {}
    for number, case in enumerate(cases):
        noise = np.random.default_rng(number).random(len(case.truth))
        for name, values in {RANDOM: noise, **case.blind}.items():
            curves = number % CURVES == 0
            found.setdefault(name, []).append(scored(model, case, np.asarray(values, np.float64), curves))
    nothing = {"untrained": None, "passes": 0, "ms": None}
    return {name: {**_figures(scores), **nothing} for name, scores in found.items()}


def _figures(scores: Sequence[Score]) -> dict[str, Any]:
    ends = binomtest(int(sum(one.hit for one in scores)), len(scores)).proportion_ci(method="wilson")
    hit = [float(np.mean([one.hit for one in scores])), float(ends.low), float(ends.high)]
    other = None if scores[0].other is None else round(float(np.mean([one.other for one in scores])), 4)
    means = {name: _mean([getattr(one, name) for one in scores]) for name in ("inside", "iou", "deletion", "insertion")}
    return {"cases": len(scores), "hit": [round(one, 4) for one in hit], "other": other, **means}


def _mean(values: Sequence[float | None]) -> list[float] | None:
    """Mean and the ends of its interval of 95 %, from the normal distribution; None where nothing was measured."""
    known = np.array([one for one in values if one is not None and np.isfinite(one)])
    if not len(known):
        return None
    half = 1.96 * known.std(ddof=1) / np.sqrt(len(known)) if len(known) > 1 else 0.0
    return [round(float(one), 4) for one in (known.mean(), known.mean() - half, known.mean() + half)]


def board(name: str, many: int, only: Sequence[str]) -> dict[str, Any]:
    """All figures of one model, as the file holds them."""
    model, control, task = va.load(name), untrained(va.load(name)), TASKS[name]
    if hasattr(model, "page") or name == "scene-aoanet":
        control.dictates = model
    cases = [*task.cases(model, many)]
    rows = [
        {"model": name, "name": control_name, "kind": standings.CONTROL, **found}
        for control_name, found in controls(model, cases).items()
    ]
    for method in fitting(model, cases[0]):
        if not only or method.name in only:
            rows.append(
                {
                    "model": name,
                    "name": method.name,
                    "kind": standings.METHOD,
                    **standing(model, control, method, cases),
                }
            )
            print(f"{name}: {method.name}: {rows[-1]}", flush=True)
    return {"weights": model.weights_hash, "about": task.about, "score": task.score, "rows": rows}


def merged(stored: dict[str, Any] | None, found: dict[str, Any]) -> dict[str, Any]:
    """What was stored with the rows that were found anew in their places, new ones last.

    Raises:
        ValueError: what is stored is of other weights.
    """
    if stored is None:
        return found
    if stored["weights"] != found["weights"]:
        raise ValueError("the stored figures are of other weights: measure all methods")
    rows = {one["name"]: one for one in (*stored["rows"], *found["rows"])}
    return {**found, "rows": [*rows.values()]}


HEADER = (
    "method",
    "cases",
    "points at it",
    "at the other",
    "untrained",
    "inside",
    "IoU",
    "deletion",
    "insertion",
    "passes",
)


def document(stored: dict[str, Any]) -> str:
    """The whole page, a table for each model; shares in %, AUCs in the unit of the score."""
    return "\n".join([INTRODUCTION, *(_section(name, stored[name]) for name in TASKS if name in stored)])


def _section(name: str, found: dict[str, Any]) -> str:
    lines = [_cells(row) for row in sorted(found["rows"], key=lambda row: (row["kind"], -row["hit"][0]))]
    score = f" Deletion and insertion are of the {found['score']}." if found["score"] else ""
    return f"## `{name}`\n\n" + table(found["about"] + score, lines, HEADER)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    share = lambda one: "–" if one is None else f"{100 * one:.0f} %"  # noqa: E731
    wide = lambda one: "–" if one is None else f"{100 * one[0]:.0f} ({100 * one[1]:.0f} to {100 * one[2]:.0f}) %"  # noqa: E731
    area = lambda one: "–" if one is None else f"{one[0]:.2f} ± {one[2] - one[0]:.2f}"  # noqa: E731
    title = row["name"] + " (knows no model)" * (row["kind"] == standings.CONTROL)
    passes = "–" if row["passes"] is None else str(row["passes"])
    means = (share(None if row[k] is None else row[k][0]) for k in ("inside", "iou"))
    areas = (area(row[k]) for k in ("deletion", "insertion"))
    hits = (wide(row["hit"]), share(row["other"]), share(row["untrained"]))
    return (title, str(row["cases"]), *hits, *means, *areas, passes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", default=list(TASKS))
    parser.add_argument("--inputs", type=int, default=100, help="scenes, receipts or reviews of each model")
    parser.add_argument("--only", nargs="*", default=(), help="these methods alone; the other rows stay")
    args = parser.parse_args()
    for name in args.models:
        found = board(name, args.inputs, args.only)
        stored: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
        stored[name] = found = merged(stored.get(name), found) if args.only else found
        FILE.write_text(json.dumps(stored, indent=1, sort_keys=False) + "\n")
        DOC.write_text(document(stored), encoding="utf-8")
        print(_section(name, found), flush=True)


if __name__ == "__main__":
    main()
