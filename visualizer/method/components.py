"""Principal components of patch features, as colours or one by one."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from visualizer.measures.components import Components, principal_components
from visualizer.method.base import Knob, Knobs, Map, Method, answer, methods
from visualizer.method.question import Askers, Question
from vit_attention.gate import GateError
from vit_attention.records import AttentionRecord

COLOURS = "colours"
ORDER = ("first", "second", "third")
COMPONENT = Knob(
    "component",
    COLOURS,
    "Principal component",
    "The first three as red, green and blue, or one of them.",
    choices=(COLOURS, "1", "2", "3"),
)
LEGEND = (
    "red, green and blue are the first, second and third principal component, each from its smallest to its largest value; "
    "colours have no sign or unit"
)


def of_one(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """The principal components of one picture's patches after a layer; special tokens are left out (NaN)."""
    layer, one = question.map(record)
    empty = answer(record, one, Askers((), ""), np.full(len(one.query), np.nan), "", "", layer)
    features = features_of(record, empty)
    return filled(empty, features, principal_components(features), knobs["component"], 1)


def components(records: Iterable[AttentionRecord], *, layer: int | None = None, component: str = COLOURS) -> list[Map]:
    """The principal components of several pictures as one map each, fitted on all of them together.

    Parts with similar features get similar colours in all pictures (Oquab et al. 2023, arXiv:2304.07193, figure 1).

    Args:
        records: of one model, each made with ``keep=methods()["components"].needs``; their grids may differ.
        layer: number, counted from 0; None takes the last.
        component: "colours" for the first three as red, green and blue, or "1", "2" or "3" for one of them.

    Returns:
        One map for each record.

    Raises:
        QuestionError: a layer that a record does not have, or hidden states that it did not keep.
        GateError: no record, or records of models whose features differ in width.

    >>> import vit_attention as va
    >>> keep = methods()["components"].needs
    >>> records = [va.load("scene-vit").attend(name, keep=keep) for name in ("scene-1", "scene-2")]
    >>> [found.colours.shape for found in components(records, layer=9)]
    [(14, 14, 3), (14, 14, 3)]
    """
    maps, features = [], []
    for record in records:  # once, so that they may come one by one
        maps.append(methods()["components"](record, layer=layer, component=component))
        features.append(features_of(record, maps[-1]))
    if not maps:
        raise GateError("records", "at least one", "none")
    fitted = principal_components(features)
    return [filled(one, some, fitted, component, len(maps)) for one, some in zip(maps, features, strict=True)]


def features_of(record: AttentionRecord, found: Map) -> NDArray[np.float32]:
    """(patches, width) features behind a map of this method, as a copy that does not keep the other layers in memory."""
    return np.array(record.signals["hidden"][found.layer + 1][found.axis.prefix :])


def filled(found: Map, features: NDArray[np.float32], fitted: Components, component: str, pictures: int) -> Map:
    """The map with the chosen component as its values, and with colours if all three are; fitted on so many pictures."""
    number = 0 if component == COLOURS else int(component) - 1
    row = np.full(len(found.axis), np.nan)
    row[found.axis.prefix :] = fitted.project(features)[:, number]
    whence = "this picture" if pictures == 1 else f"{pictures} pictures together"
    words = f"of patches after layer {found.layer + 1}, fitted on {whence}"
    shares = [f"{share:.0%}".replace("%", " %") for share in fitted.explained]
    unit, weights = f"{ORDER[number]} principal component", np.asarray(row, np.float32)[None, None, None]
    made = replace(found, row=row, unit=unit, signed=True, weights=weights, colours=None, legend="")
    if component != COLOURS:
        return replace(made, words=f"{unit} {words}: it explains {shares[number]} of the variance")
    said = f"three principal components {words}: they explain {' + '.join(shares)} of the variance"
    colours = fitted.colours(features).reshape(*(found.axis.grid or ()), len(ORDER))
    return replace(made, words=said, colours=colours, legend=LEGEND)


METHOD = Method(
    of_one,
    meaning="The first three principal components of the patches after the chosen layer as red, green and blue, or one of them: "
    "patches of similar colour have similar features. The sign of a component means nothing.",
    source="Oquab et al. 2023, arXiv:2304.07193, figure 1; fitted on one picture here, on several with visualizer.components",
    knobs=(COMPONENT,),
    signals=frozenset({"hidden"}),
    title="principal components",
    asked_by="nobody",
    place=92,
)
