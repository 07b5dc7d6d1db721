"""`python -m benchmarks.reading`: what receipt-donut reads on fresh receipts, and whether it looked where that is printed.

Every figure is measured on receipts of seeds that no training ever saw. A field is right if its text is; a receipt is
exact if its whole target is. Hits count the values that were read right: a map hits a token if its strongest cell holds
more than 15 % of the token's box, or lies in it to more than 15 % (long words are larger than a cell). A word's map is
the mean of its sub-words' maps. Boxes of fields are proposed by the last layer. Chance is the share of cells that would be hits.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import vit_attention as va
from visualizer.measures.fields import fields
from visualizer.measures.reading import cross_maps, token_names
from visualizer.measures.reading_score import field_scores, token_truth
from vit_attention.models.cards import BUNDLED
from vit_attention.records import AttentionRecord
from worlds.receipts import Document, form, receipt

FIRST_SEED = 3_000_000_000
"""Training draws from one billion on, its held-out receipts from two billion on."""

HIT = 0.15
MAPS = ("mean of all layers and heads", "mean of the last two layers", "layer 1", "layer 2", "layer 3", "layer 4")


def values_of(page: Document) -> list[tuple[str, str, list[Any]]]:
    """(path, text, box of every character but blanks) of each value of a page."""
    return [
        (
            p.field,
            p.text,
            [
                page.words[w].characters[i]
                for w, t in zip(p.words, p.text.split(" "), strict=True)
                for i in range(len(t))
            ],
        )
        for p in page.pieces
        if p.words
    ]


def on_box(boxes: NDArray[np.float64], grid: tuple[int, int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """(boxes, cells): which cells would be a hit, in the model's pixels; `size` is (width, height)."""
    rows, columns = grid
    height, width = size[1] / rows, size[0] / columns
    left, top = np.arange(columns) * width, np.arange(rows) * height
    wide = np.clip(np.minimum(boxes[:, 2:3], left + width) - np.maximum(boxes[:, 0:1], left), 0, None)
    tall = np.clip(np.minimum(boxes[:, 3:4], top + height) - np.maximum(boxes[:, 1:2], top), 0, None)
    shared = (tall[:, :, None] * wide[:, None, :]).reshape(len(boxes), -1)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return shared > HIT * np.minimum(area, height * width)[:, None]


class Tally:
    """Hits and chances by kind ("word", "start of a word", "digit") and map."""

    def __init__(self) -> None:
        self.hits: dict[tuple[str, str], list[bool]] = defaultdict(list)
        self.chance: dict[str, list[float]] = defaultdict(list)

    def add(self, kind: str, rows: NDArray[np.float32], goal: NDArray[np.bool_]) -> None:
        """One thing read: rows (layers, heads, cells) of its attention, goal (cells,) the hits."""
        self.chance[kind].append(float(goal.mean()))
        layers = rows.mean(axis=1)
        maps = {
            MAPS[0]: layers.mean(axis=0),
            MAPS[1]: layers[-2:].mean(axis=0),
            **{f"layer {n + 1}": m for n, m in enumerate(layers)},
        }
        maps |= {f"layer {n + 1}, head {h + 1}": rows[n, h] for n in range(rows.shape[0]) for h in range(rows.shape[1])}
        for name, values in maps.items():
            self.hits[kind, name].append(bool(goal[values.argmax()]))

    def rates(self, kind: str) -> dict[str, float]:
        return {name: float(np.mean(v)) for (of, name), v in self.hits.items() if of == kind}


def count_hits(record: AttentionRecord, page: Document, tally: Tally) -> None:
    """Score the values of one page that were read right."""
    assert record.geometry is not None
    maps, tokens = cross_maps(record), token_names(record)
    truth = token_truth(tokens, values_of(page), record.geometry)
    grid, size = maps[0].key.grid or (1, 1), record.geometry.seen
    weights = np.stack([one.single for one in maps])  # (layers, heads, tokens, cells)
    goals = on_box(np.nan_to_num(truth.boxes, nan=-1e6), grid, size)
    for t in np.flatnonzero(truth.digits):
        tally.add("digit", weights[:, :, t], goals[t])
    for t in np.flatnonzero(truth.starts):
        tally.add("start of a word", weights[:, :, t], goals[t])
    for one in fields(tokens):
        for word in one.words:
            rows = [t for t in word.tokens if truth.words[t]]
            if rows:
                boxes = truth.boxes[rows]
                whole = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])[None]
                tally.add("word", weights[:, :, rows].mean(axis=2), on_box(whole, grid, size)[0])


def measure(model: Any, pages: Iterable[Document]) -> dict[str, Any]:
    """All figures on these pages."""
    tally, right, exact, overlap, centre = Tally(), [], defaultdict(list), [], []
    for page in pages:
        record = model.attend(page.picture, prompt=page.task)
        scores = [s for s in field_scores(record, values_of(page), layers=[model.layers - 1]) if s.true is not None]
        right += [s.right for s in scores]
        overlap += [s.iou for s in scores if s.right and np.isfinite(s.iou)]
        centre += [s.centre for s in scores if s.right]
        lines = sum(piece.field.endswith(".nm") for piece in page.pieces)
        exact[lines].append(record.prediction.text.replace(" ", "") == page.sequence.replace(" ", ""))
        count_hits(record, page, tally)
    kinds = ("word", "start of a word", "digit")
    return {
        "pages": sum(map(len, exact.values())),
        "fields": float(np.mean(right)),
        "fields_counted": len(right),
        "exact": float(np.mean([e for v in exact.values() for e in v])),
        "exact_by_lines": {str(n): float(np.mean(v)) for n, v in sorted(exact.items())},
        "box_iou": float(np.mean(overlap)),
        "box_centre": float(np.mean(centre)),
        "hits": {kind: tally.rates(kind) for kind in kinds},
        "chance": {kind: float(np.mean(tally.chance[kind])) if tally.chance[kind] else None for kind in kinds},
        "counted": {kind: len(tally.chance[kind]) for kind in kinds},
    }


def report(name: str, got: dict[str, Any]) -> str:
    """Markdown of one kind of pages."""
    lines = [
        f"### {name}: {got['pages']} pages",
        "",
        f"Fields right {got['fields']:.1%} of {got['fields_counted']}; pages without a fault {got['exact']:.1%} "
        f"(by number of articles: {', '.join(f'{n}: {v:.0%}' for n, v in got['exact_by_lines'].items())}). Boxes proposed "
        f"by the last layer: intersection over union {got['box_iou']:.2f}, middle inside the true box {got['box_centre']:.1%}.",
        "",
        "| map | words | starts of words | digits |",
        "| --- | ---: | ---: | ---: |",
    ]
    kinds = ("word", "start of a word", "digit")
    best = {
        kind: max((n for n in got["hits"][kind] if "head " in n), key=got["hits"][kind].get, default="")
        for kind in kinds
    }
    for label in (*MAPS, *dict.fromkeys(b for b in best.values() if b)):
        rates = [f"{got['hits'][kind].get(label, float('nan')):.1%}" for kind in kinds]
        lines += [f"| {label} | " + " | ".join(rates) + " |"]
    lines.append("| chance | " + " | ".join(f"{got['chance'][k] or 0:.1%}" for k in kinds) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=500, help="receipts of 1 to 5 articles")
    parser.add_argument("--others", type=int, default=100, help="receipts with invented words, and forms")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--card", action="store_true", help="write the figures into the bundled model's card")
    args = parser.parse_args()
    model = va.load("receipt-donut")
    seeds = range(FIRST_SEED, FIRST_SEED + args.others)
    found = {
        "receipts": measure(model, (receipt(FIRST_SEED + i, 1 + i % 5) for i in range(args.pages))),
        "receipts with invented words": measure(model, (receipt(s, 1 + s % 5, invented=True) for s in seeds)),
        "forms": measure(model, (form(s) for s in seeds)),
    }
    if args.card:
        path: Path = BUNDLED / "receipt-donut.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**known, **found, "command": "python -m benchmarks.reading"}, indent=1) + "\n")
    print(json.dumps(found, indent=1) if args.json else "\n\n".join(report(name, got) for name, got in found.items()))


if __name__ == "__main__":
    main()
