"""A model's answer with some heads turned down, off, up or over: the numbers behind the trial of heads."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import Context, Finding
from tutorials.findings.trial_measured import COUNT, MEAN, MEANS, SEED, ZERO
from visualizer.measures.score import mass_in_mask
from visualizer.method import methods
from vit_attention.gate import GateError
from vit_attention.heavy import library
from vit_attention.records import Similar
from worlds.photographs import photographs
from worlds.scenes import scene

Heads = tuple[tuple[int, int], ...]
"""(layer, head) of each, from 0."""
Variant = tuple[Heads, float]
"""Heads that are turned together, and the gain of their outputs: 1 leaves them, 0 switches them off."""
OFF = 0.0


def target(now: Context) -> str:
    """What is asked about: "" for the likeliest class, or the similarity of the class token to the chosen patch as a text."""
    return str(Similar(to=(now.chosen.row, now.chosen.column))) if now.may_be_similar else ""


def unit(now: Context) -> str:
    """What a fall is measured in."""
    return "cosine similarity" if target(now) else "raw score (logit)"


def aim(now: Context) -> str:
    """What falls, in words."""
    if target(now):
        place = f"row {now.chosen.row + 1}, column {now.chosen.column + 1}"
        return f"similarity of the class token to the patch in {place}"
    return f"raw score of {now.record.prediction.top(1)[0][0]}"


def refusal(now: Context) -> str:
    """Why no head can be turned here, as a sentence; "" if it can."""
    if now.picture.key.startswith("bundle-"):
        return "No model is run for an opened record, so that its heads cannot be turned."
    try:
        scores(now, [((), 1.0)])
    except GateError as error:
        return f"The heads of {now.model} cannot be turned: {error}"
    return ""


def scores(now: Context, variants: Sequence[Variant], how: str = ZERO) -> NDArray[np.float32]:
    """(1 + variants, classes) raw scores, first with nothing changed; (1 + variants, 1) similarities without classes."""
    means = means_of(now) if how == MEAN else None
    found: NDArray[np.float32] = now.run(
        _scores, now.model, now.picture, tuple(variants), how, target(now), now.labels, means=means
    )
    return found


def _scores(
    model: Any,
    picture: Any,
    variants: Sequence[Variant],
    how: str,
    asked: str,
    labels: tuple[str, ...],
    means: NDArray[np.float32] | None,
) -> NDArray[np.float32]:
    model = model.about(labels) if labels else model
    gains = np.ones((1 + len(variants), len(model.anatomy.blocks), model.anatomy.heads))
    for one, (heads, gain) in zip(gains[1:], variants, strict=True):
        for at in heads:
            one[at] = gain
    trial = library("vit_attention.models.trial")
    found: NDArray[np.float32] = trial.head_scores(model, picture.given, gains, means, asked or None)
    return found


def means_of(now: Context) -> NDArray[np.float32]:
    """(layers, heads, tokens, head width) mean outputs over other pictures: scenes for a drawn one, photographs for any other."""
    found: NDArray[np.float32] = now.run(_means, now.model, None, now.picture.scene is not None)
    return found


def _means(model: Any, _picture: None, drawn: bool) -> NDArray[np.float32]:
    first = SEED + 2 * COUNT
    if drawn:
        pictures = [scene(first + n).picture for n in range(MEANS)]
    else:
        pictures = [one.open() for one in photographs().values()]
    found: NDArray[np.float32] = library("vit_attention.models.trial").head_means(model, pictures)
    return found


def falls(now: Context, variants: Sequence[Variant], how: str = ZERO) -> NDArray[np.float64]:
    """(variants,) how far the score that is asked about falls with each; negative where it rises."""
    found = scores(now, variants, how).astype(np.float64)
    asked = int(found[0].argmax())
    return np.asarray(found[0, asked] - found[1:, asked])


def each(now: Context, layer: int, gain: float = OFF) -> list[Variant]:
    """Every head of a layer by itself."""
    return [(((layer, head),), gain) for head in range(len(now.record.maps[layer].weights))]


def of_layer(now: Context, how: str = ZERO) -> NDArray[np.float64]:
    """(heads,) the fall with each head of the chosen layer switched off by itself."""
    return falls(now, each(now, now.chosen.layer), how)


def together(now: Context, heads: Heads, gain: float = OFF, how: str = ZERO) -> tuple[NDArray[np.float64], float]:
    """(heads,) the falls with each head turned by itself, and the fall with all of them turned."""
    found = falls(now, [*(((one,), gain) for one in heads), (heads, gain)], how)
    return found[:-1], float(found[-1])


def on_object(now: Context, layer: int) -> NDArray[np.float64]:
    """(heads,) share of the asking row's patch weight on the named objects, 0 to 1; a context without truth has none."""
    assert now.truth is not None
    return mass_in_mask(now.patch_map(now.asking_rows()[layer]), now.truth)


def map_under(now: Context, name: str, variant: Variant, how: str = ZERO) -> NDArray[np.float32]:
    """(rows, columns) the map of a method of weights with heads turned."""
    means = means_of(now) if how == MEAN else None
    asked = now.question(methods()[name]) | ({"layer": len(now.record.maps) - 1} if name == "raw" else {})
    asked.pop("head", None)
    found: NDArray[np.float32] = now.run(
        _map, now.model, now.picture, name, variant, how, tuple(asked.items()), means=means
    )
    return found


def _map(
    model: Any,
    picture: Any,
    name: str,
    variant: Variant,
    how: str,
    asked: tuple[tuple[str, Any], ...],
    means: NDArray[np.float32] | None,
) -> NDArray[np.float32]:
    change = library("vit_attention.changes").HeadGains(dict.fromkeys(*variant), means)
    record = model.under(change).attend(picture.given, half=True)
    return np.asarray(methods()[name](record, **dict(asked)).values, np.float32)


NO_HEADS = Finding(None, "This needs at least 3 heads in the layer and a model that can be run.")
"""What a finding says of a layer with too few heads to compare."""
