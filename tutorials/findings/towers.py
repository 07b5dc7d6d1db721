"""What a list of classes and what labels know of a scene, and which words the text encoder reads in a label."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import NO_TRUTH, Context, Finding, Picture
from tutorials.findings.labelled import named
from visualizer.measures.words import written
from vit_attention.gate import GateError
from worlds.phrases import phrase, phrases
from worlds.shapes import COLOURS, NAMES

CLASSIFIER = "scene-vit"
BOTH, ONE, OTHER, NEITHER = "Both", "Only the classes", "Only the labels", "Neither"


class Told(NamedTuple):
    """What a model calls a picture: its names, and how likely it takes each, the likeliest first."""

    names: tuple[str, ...]
    shares: tuple[float, ...]


def told(model: Any, picture: Picture, labels: tuple[str, ...] = ()) -> Told:
    """`Told` by the class head of a classifier, or by a dual encoder's softmax over labels."""
    record = model.attend(
        picture.image, layers=[0], heads=[0], queries=[0], **({"labels": list(labels)} if labels else {})
    )
    names, shares = zip(*record.prediction.top(len(record.prediction.labels)), strict=True)
    return Told(names, shares)


def both_told(now: Context) -> tuple[Told, Told]:
    """What the bundled classifier of scenes and the page's model with all phrases of scenes call a scene."""
    return now.run(told, CLASSIFIER, now.picture), now.run(told, now.model, now.picture, phrases())


def who_names_them_all(now: Context) -> Finding:
    """Which of the two has all objects of a scene at the head of its list."""
    scene = now.picture.scene
    if scene is None:
        return NO_TRUTH
    classes, labels = both_told(now)
    count = len(scene.things)
    right = {thing.shape for thing in scene.things} == set(classes.names[:count])
    named_right = {phrase(thing) for thing in scene.things} == set(labels.names[:count])
    answer = BOTH if right and named_right else ONE if right else OTHER if named_right else NEITHER
    return Finding(
        answer,
        f"In the scene: {', '.join(phrase(thing) for thing in scene.things)}. First {count} of {len(classes.names)} classes of "
        f"{CLASSIFIER}: {', '.join(classes.names[:count])}. First {count} of {len(labels.names)} labels: "
        f"{', '.join(labels.names[:count])}. No class of {CLASSIFIER} says a colour.",
    )


COLOUR, SHAPE, START, END = "The colour word", "The shape word", "The start token", "The end token itself"


class Words(NamedTuple):
    """What the token that a text's embedding is read off gives to every token of the text.

    Attributes:
        names: of the tokens, as people write them.
        weights: (layers, heads, tokens), rows sum to 1.
    """

    names: tuple[str, ...]
    weights: NDArray[np.float32]


def words_read(model: Any, picture: Picture) -> Words:
    """`Words` of a text under the text encoder of a dual encoder; the last token is the one that is read off.

    Raises:
        GateError: a model without a text encoder, or no text.
    """
    if getattr(model, "text", None) is None or not picture.text:
        raise GateError("model", "one that compares pictures with texts, and a text", model.card.name)
    record = model.attend(picture.text)
    return Words(written(record.maps[0].key), np.stack([one.single[:, -1] for one in record.maps]))


def most_read_word(now: Context) -> Finding:
    """What the end token of the label's text reads most in the last layer of the text encoder, in the mean of its heads."""
    about = named(now)
    label = now.label or (about.label if about else "")
    words = now.run(words_read, now.model, Picture.sentence(label or phrases()[0]))
    row = words.weights[-1].mean(axis=0)
    said = "; ".join(f"{name} {share:.0%}" for name, share in zip(words.names, row, strict=True))
    best = int(row.argmax())
    kinds = {**dict.fromkeys(COLOURS, COLOUR), **dict.fromkeys(NAMES, SHAPE)}
    answer = {0: START, len(row) - 1: END}.get(best) or kinds.get(words.names[best].strip().lower())
    return Finding(answer, f"Last layer, mean of {words.weights.shape[1]} heads, read by the end token: {said}.")
