"""`python -m benchmarks.sentences`: what review-encoder tells right, and how often a map finds the words that decide.

Every figure is measured on reviews of templates that training never saw. A map finds the decisive words if its strongest
word is one of them: the polar word of the deciding clause or its negator. A word's value is the sum of its tokens' values
(columns summed); special tokens and punctuation are left out. Maps that need a class ask for the one that was told.
"Best single head" was picked on other reviews. The last lines know no model: two know which words praise or blame.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest

import vit_attention as va
from training.review_bag import bag_accuracy
from training.review_data import examples, held_out
from tutorials.findings import deciding
from tutorials.findings.deciding import by_word, class_rows, needs
from vit_attention.models.cards import BUNDLED
from vit_attention.models.untrained import untrained
from worlds.sentences import Sentence, sentences

FIRST_SEED = 3_000_000_000
"""Training draws from one billion on, its held-out reviews from two billion on."""
PICKING_SEED = 4_000_000_000
"""Of the reviews that the best single head is picked on."""
SUBSETS = ("all", "negation", "contrast", "distractor")


def kinds_of(made: Sentence) -> list[str]:
    """The subsets that a review belongs to."""
    return [name for name in SUBSETS if name == "all" or name in made.kinds]


def measure(model: Any, count: int, picked: tuple[int, int] | None = None) -> dict[str, dict[str, list[float]]]:
    """Hits by map and subset on `count` reviews.

    Args:
        model: what is asked.
        count: of reviews.
        picked: (layer, head) of the best single head; None leaves that line out.
    """
    hits: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for made in sentences(count, FIRST_SEED, "held-out"):
        record = model.attend(made.text, keep=needs())
        found = deciding.hits(record, made)
        if picked is not None:
            strongest = int(by_word(class_rows(record)[picked], record.maps[-1].key, made).argmax())
            found[best_name(picked)] = float(strongest in made.decisive)
        for name, hit in found.items():
            for kind in kinds_of(made):
                hits[name][kind].append(hit)
    return hits


def best_name(head: tuple[int, int]) -> str:
    """What the line of the best single head is called."""
    return f"class token, best single head (layer {head[0] + 1}, head {head[1] + 1})"


def best_head(model: Any, count: int) -> tuple[int, int]:
    """(layer, head), from 0, whose strongest word is decisive most often, on reviews that nothing is scored on."""
    hits: Any = 0
    for made in sentences(count, PICKING_SEED, "held-out"):
        record = model.attend(made.text)
        strongest = by_word(class_rows(record), record.maps[-1].key, made).argmax(axis=-1)
        hits = hits + np.isin(strongest, made.decisive)
    layer, head = np.unravel_index(int(hits.argmax()), hits.shape)
    return int(layer), int(head)


def told(model: Any, texts: Sequence[str]) -> list[str]:
    """The verdict on each text."""
    some = [list(texts[start : start + 50]) for start in range(0, len(texts), 50)]
    return [model.classes[n] for one in some for n in model.classify(one).argmax(axis=1)]


def turned(model: Any, count: int) -> dict[str, float]:
    """How often an edit turns the verdict: an antonym for the deciding word, one for another word, no negator."""
    edits: list[tuple[str, str, str]] = []
    for made in sentences(count, FIRST_SEED, "held-out"):
        kind = {i: "decisive" if i in made.decisive else "other" for i in made.polar}
        edits += [(kind[i], made.text, made.swapped(i).text) for i in made.polar]
        if "negation" in made.kinds:
            edits.append(("negator", made.text, made.affirmed().text))
    kinds, before, after = zip(*edits, strict=True)
    found: dict[str, list[bool]] = defaultdict(list)
    for kind, one, other in zip(kinds, told(model, before), told(model, after), strict=True):
        found[kind].append(one != other)
    return {kind: round(float(np.mean(values)), 4) for kind, values in found.items()}


def interval(values: Sequence[float]) -> dict[str, float]:
    """Share of hits with Wilson's 95 % interval (Wilson 1927); of chances their mean alone."""
    share = {"hits": round(float(np.mean(values)), 4), "of": len(values)}
    if not set(values) <= {0.0, 1.0}:
        return share
    low, high = binomtest(int(sum(values)), len(values)).proportion_ci(method="wilson")
    return {**share, "low": round(float(low), 4), "high": round(float(high), 4)}


def cell(one: dict[str, float]) -> str:
    """A share and its interval for the table."""
    bounds = f" ({100 * one['low']:.1f} to {100 * one['high']:.1f})" if "low" in one else ""
    return f"{100 * one['hits']:.1f} %{bounds}"


def table(found: dict[str, Any], control: dict[str, Any]) -> str:
    """Markdown: one line a map, all reviews and each subset, and the untrained network's figure."""
    counts = next(iter(found.values()))
    heads = [f"{name} ({counts[name]['of']})" for name in SUBSETS]
    lines = [f"| strongest word of | {' | '.join(heads)} | untrained |", f"| --- |{' ---: |' * (len(SUBSETS) + 1)}"]
    for name, kinds in found.items():
        beside = cell(control[name]["all"]) if name in control else ""
        lines.append(f"| {name} | {' | '.join(cell(kinds[kind]) for kind in SUBSETS)} | {beside} |")
    return "\n".join(lines)


def shares(hits: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, dict[str, float]]]:
    """Intervals of all hits."""
    return {name: {kind: interval(values) for kind, values in kinds.items()} for name, kinds in hits.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=500, help="reviews that maps are scored on")
    parser.add_argument("--control", type=int, default=100, help="reviews for the untrained network")
    parser.add_argument("--asked", type=int, default=4000, help="reviews whose verdicts are asked for")
    parser.add_argument("--learnt", type=int, default=60_000, help="reviews that the bags of words learn from")
    parser.add_argument("--card", action="store_true", help="write the figures to the bundled model's card")
    args = parser.parse_args()
    model: Any = va.load("review-encoder")
    asked, learnt = held_out(args.asked, FIRST_SEED), examples(args.learnt)
    texts = [one.text for one in asked]
    right = [(one == "positive") == bool(of.label) for one, of in zip(told(model, texts), asked, strict=True)]
    head = best_head(model, max(1, args.sentences // 2))
    found: dict[str, Any] = {
        "accuracy": interval([float(one) for one in right]),
        "bag_of_words": round(bag_accuracy(learnt, asked), 4),
        "bag_of_words_and_pairs": round(bag_accuracy(learnt, asked, 2), 4),
        "turned": turned(model, args.sentences),
        "best_head": {"layer": head[0] + 1, "head": head[1] + 1},
        "maps": shares(measure(model, args.sentences, head)),
    }
    control = shares(measure(untrained(va.load("review-encoder")), args.control))
    print(json.dumps({name: one for name, one in found.items() if name != "maps"}, indent=1))
    print(table(found["maps"], control))
    if args.card:
        path = BUNDLED / "review-encoder.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**known, **found, "command": "python -m benchmarks.sentences"}, indent=1) + "\n")


if __name__ == "__main__":
    main()
