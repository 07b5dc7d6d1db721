"""What the methods that compare patches with labels have in common: the label asked about, what all labels share, the winner."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visualizer.measures import undefined
from visualizer.method.base import Knob, Knobs, Map, answer
from visualizer.method.question import Askers, Question, QuestionError, number_of
from vit_attention.records import AttentionRecord

CLASS_INDEPENDENT = Knob(
    "class_independent",
    "keep",
    "Class-independent part",
    "Subtract what all labels share (CLIP Surgery, equations 4 to 7); with a single label, what the empty text has.",
    short="independent",
    choices=("keep", "remove"),
)
SHOW = Knob(
    "show",
    "label",
    "Shown",
    "One label; for every patch the winner of all labels, brighter the larger its margin over the second; or that margin.",
    choices=("label", "winner", "margin"),
)
KNOBS = (CLASS_INDEPENDENT, SHOW)
COLOURS = {
    "orange": (0.90, 0.62, 0.0),
    "sky blue": (0.34, 0.71, 0.91),
    "green": (0.0, 0.62, 0.45),
    "yellow": (0.94, 0.89, 0.26),
    "blue": (0.0, 0.45, 0.70),
    "vermilion": (0.84, 0.37, 0.0),
    "purple": (0.80, 0.47, 0.65),
    "white": (1.0, 1.0, 1.0),
}
"""Okabe and Ito's colours, which people with colour vision deficiencies tell apart."""
TEMPERATURE = 2
"""By which CLIP Surgery multiplies cosines before the softmax that weighs labels."""


def similarities(signal: NDArray[Any], layer: int, independent: str) -> NDArray[np.float64]:
    """(labels, 1 + tokens) similarity of the whole picture, and of every token after a layer, to every label.

    The class-independent part is the mean over labels of similarities weighted by how well each label fits the whole picture
    (Li et al. 2023, arXiv:2304.05653, section 3.3); a single label would be left with nothing, so the similarity to the
    empty text is subtracted, as in the authors' code.

    Args:
        signal: (layers, labels + 1, 1 + tokens), the last label being the empty text.
        layer: number, 0 first.
        independent: "keep" or "remove" that part.
    """
    found, empty = signal[layer, :-1].astype(np.float64), signal[layer, -1].astype(np.float64)
    if independent == "keep":
        return np.asarray(found)
    if len(found) == 1:
        return np.asarray(found - empty)
    chances = np.exp(TEMPERATURE * (found[:, 0] - found[:, 0].max()))
    weighted = found * (chances / chances.mean())[:, None]
    return np.asarray(weighted - weighted.mean(axis=0))


def label_map(record: AttentionRecord, question: Question, knobs: Knobs, signal: str, told: str) -> Map:
    """The map of one label, or of the winner, by what a run left; `told` says what is compared."""
    layer, one = question.map(record)
    kept = np.asarray(record.signals[signal])
    if layer >= len(kept):
        raise QuestionError("layer", f"want 0 to {len(kept) - 1}, got {layer}")
    rows = similarities(kept, layer, knobs["class_independent"])[:, 1:]
    after = f"{told}, layer {layer + 1}" + ", straight to the output space" * (layer + 1 < len(kept))
    unit = "cosine similarity" + " without the class-independent part" * (knobs["class_independent"] == "remove")
    if knobs["show"] != "label":
        return _winner(record, one, rows, layer, after, unit, knobs["show"] == "margin")
    number, why = label_of(record, question.query)
    words = f'similarity to "{record.prediction.labels[number]}"{why}: {after}'
    return answer(record, one, Askers((), ""), rows[number], words, unit, layer, signed=True)


def label_of(record: AttentionRecord, query: tuple[str, ...]) -> tuple[int, str]:
    """Number of the label that is meant, and why that one, for the map's words.

    Raises:
        QuestionError: several, or none of the record's labels.
    """
    said = record.prediction
    if not query:
        if isinstance(said.target, int):
            return said.target, ""
        best = int(np.argmax(said.scores))
        return best, f", the label that fits best of {len(said.labels)}" * (len(said.labels) > 1)
    number = number_of(query[0])
    if len(query) == 1 and query[0] in said.labels:
        return said.labels.index(query[0]), ""
    if len(query) == 1 and number is not None and number < len(said.labels):
        return number, ""
    raise QuestionError("query", f"want one of the labels {', '.join(said.labels)}, got {' '.join(query)}")


def _winner(
    record: AttentionRecord, one: Any, rows: NDArray[np.float64], layer: int, after: str, unit: str, alone: bool
) -> Map:
    """The winner of every patch in its label's colour, or how far it is ahead of the second, `alone`."""
    labels = record.prediction.labels
    if not 2 <= len(labels) <= len(COLOURS):
        raise QuestionError("show", f"want 2 to {len(COLOURS)} labels for a winner, got {len(labels)}")
    order = np.sort(rows, axis=0)
    winner, margin = rows.argmax(axis=0), order[-1] - order[-2]
    told = f"{'margin of the ' * alone}winner of {len(labels)} labels: {after}"
    found = answer(record, one, Askers((), ""), margin, told, f"margin, {unit}", layer)
    if alone:
        return found
    light = undefined.ratio(margin, np.full(len(margin), margin[one.key.prefix :].max()))
    return coloured(found, winner, light, labels, "the brighter, the further ahead of the second")


def coloured(found: Map, winner: NDArray[Any], light: NDArray[Any], names: Sequence[str], told: str) -> Map:
    """A map of patches in the colours of winners.

    Args:
        found: whose values stay what they are.
        winner: (tokens,) numbers of names.
        light: (tokens,) how bright, from 0 to 1.
        names: at most as many as there are `COLOURS`.
        told: what brightness means.
    """
    colours, prefix = list(COLOURS)[: len(names)], found.axis.prefix
    palette = np.array([COLOURS[one] for one in colours])
    shown = palette[winner[prefix:]] * (0.15 + 0.85 * np.nan_to_num(light[prefix:]))[:, None]
    legend = "; ".join(f"{colour}: {name}" for colour, name in zip(colours, names, strict=True))
    return replace(found, colours=shown.reshape(*(found.axis.grid or ()), 3), legend=f"{legend}; {told}")


def method_of(signal: str, told: str) -> Callable[[AttentionRecord, Question, Knobs], Map]:
    """The function of a method that reads the run of this name."""

    def function(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
        return label_map(record, question, knobs, signal, told)

    return function
