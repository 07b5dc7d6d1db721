"""Labels by layer: what the class token and the patches are nearest to after every layer, beside the scene's truth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import NO_TRUTH, Context, Finding, Picture
from visualizer.measures.score import HIT_THRESHOLD, pointing_hit
from visualizer.method import methods
from vit_attention.gate import GateError
from worlds.phrases import phrase, phrases
from worlds.scenes import coverage


@dataclass(frozen=True, eq=False)
class LabelLayers:
    """Similarities of a picture to labels after every layer, each token sent the way of the class token.

    Attributes:
        labels: what is compared with; of a scene all 96 phrases of colour and shape.
        classes: (layers, labels) cosine similarity of the class token.
        patches: (layers, labels, rows, columns) cosine similarity of every patch.
    """

    labels: tuple[str, ...]
    classes: NDArray[np.float64]
    patches: NDArray[np.float64]

    def answers(self) -> tuple[str, ...]:
        """The label that the class token is nearest to after every layer."""
        return tuple(self.labels[n] for n in self.classes.argmax(axis=1))

    def ranks(self, label: str) -> NDArray[np.intp]:
        """(layers,) how many labels are nearer to the class token than this one; 0 is the answer."""
        return np.asarray((self.classes > self.classes[:, [self.labels.index(label)]]).sum(axis=1))

    def margins(self, label: str) -> NDArray[np.float64]:
        """(layers,) similarity of the class token to this label minus the largest to another; above 0 it is the answer."""
        at = self.labels.index(label)
        return np.asarray(self.classes[:, at] - np.delete(self.classes, at, axis=1).max(axis=1))

    def hits(self, label: str, cover: NDArray[Any]) -> NDArray[np.bool_]:
        """(layers,) whether the patch nearest to a label lies on what `cover` says."""
        return pointing_hit(self.patches[:, self.labels.index(label)], cover)

    def patch_answers(self, layer: int) -> NDArray[np.intp]:
        """(rows, columns) number of the label that each patch is nearest to after a layer, 0 first."""
        return np.asarray(self.patches[layer].argmax(axis=0))


def label_layers(model: Any, picture: Picture, labels: tuple[str, ...] = (), method: str = "naive") -> LabelLayers:
    """`LabelLayers` of one picture under a loaded dual encoder.

    Args:
        model: of pictures and texts, such as `scene-clip`.
        picture: to look at.
        labels: texts; () takes all phrases of the scenes.
        method: how patches are compared: "naive", "value" or "value-value", see `DualModel.labels`.

    Raises:
        GateError: a model that compares no texts.
    """
    if getattr(model, "text", None) is None:
        raise GateError("model", "one that compares pictures with texts, such as scene-clip", model.card.name)
    asked = labels or phrases()
    needs = methods()[method].needs
    record = model.attend(picture.image, labels=list(asked), keep=needs, heads=[0], queries=[0], layers=[0])
    found, axis = np.asarray(record.signals[method], np.float64)[:, :-1], record.maps[0].key
    # The first column is the whole picture, then come the tokens; the class token leads them.
    tokens = found[:, :, 1:]
    patches = tokens[:, :, axis.prefix :].reshape(*tokens.shape[:2], *(axis.grid or (1, 1)))
    return LabelLayers(tuple(asked), tokens[:, :, 0], patches)


def live_labels(now: Context) -> LabelLayers:
    """`label_layers` of the page's picture, with all phrases of the scenes."""
    return now.run(label_layers, now.model, now.picture)


def first_right(now: Context) -> Finding:
    """The layer, 1 first, from which on the class token is nearest to a true phrase of the scene."""
    scene = now.picture.scene
    if scene is None:
        return NO_TRUTH
    found, true = live_labels(now), [phrase(thing) for thing in scene.things]
    right = [answer in true for answer in found.answers()]
    first = next((n for n in range(len(right)) if all(right[n:])), None)
    said = "; ".join(f"layer {n + 1}: {answer}" for n, answer in enumerate(found.answers()))
    if first is None:
        return Finding(None, f"Here the last answer is not true of the scene ({' and '.join(true)}). Nearest: {said}.")
    return Finding(
        float(first + 1),
        f"Of {len(found.labels)} phrases, a true one ({' or '.join(true)}) is the nearest from layer {first + 1} on. Nearest to "
        f"the class token after each layer: {said}.",
    )


def place_before_name(now: Context) -> Finding:
    """Whether the patch nearest to the true phrase lies on its object in an earlier layer than the class token names it."""
    if now.picture.scene is None:
        return NO_TRUTH
    found, thing = live_labels(now), now.picture.scene.things[0]
    label, cover = phrase(thing), coverage(thing.mask, now.grid)
    hits, names = found.hits(label, cover), found.ranks(label) == 0
    place, name = (next((n for n in range(len(own)) if own[n:].all()), None) for own in (hits, names))
    if place is None and name is None:
        return Finding(None, f"After the last layer neither the class token nor a patch is nearest to {label}.")
    chance = float((cover > HIT_THRESHOLD).mean())
    told = [f"from layer {n + 1} on" if n is not None else "in no layer to the end" for n in (place, name)]
    return Finding(
        bool(place is not None and (name is None or place < name)),
        f"The patch most similar to “{label}” lies on the {thing.shape} {told[0]} (a patch picked at random: {chance:.1%}); the "
        f"class token has it as the nearest of {len(found.labels)} phrases {told[1]}.",
    )
