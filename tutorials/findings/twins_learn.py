"""Answers to the questions before and after the lessons on vision transformers, each from the numbers of the picture shown."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings import heads_off, patches, values, whole
from tutorials.findings.context import NO_TRUTH, Context, Finding, Picture, Selection
from tutorials.findings.rollout import CLOSE, masses, patch_rollout
from visualizer.measures.components import principal_components
from visualizer.measures.entropy import entropy
from visualizer.measures.masks import covered
from visualizer.measures.score import mass_in_mask
from vit_attention.records import Prediction
from vit_attention.records.geometry import Geometry
from worlds.photographs import photographs
from worlds.scenes import coverage, scene

HALF, THIRD, QUARTER, TENTH = "By about half", "By about a third", "By 10 to 25 %", "By less than 10 %"
SHRINKS = ((0.42, HALF), (0.25, THIRD), (0.1, QUARTER))
"""Share of the parameters from which on an option holds."""
ALONE, NEAR = "Only that of the painted patch", "Only that one and its 8 neighbours"
LITTLE, MUCH = "All or nearly all, most by less than 1 %", "All or nearly all, most by more than 1 %"
NEARLY_ALL, ONE_PERCENT = 0.9, 0.01
MORE, EQUAL, LESS = "Larger", "About the same (within a fifth)", "Smaller"
FIFTH = 0.2
EVERY, SOME, NONE = "On all three of them", "On one or two of them", "On none of them"
OTHER_CLASS, FALLS, STAYS = (
    "Another class becomes the likeliest",
    "The same class, but with at least 5 percentage points less",
    "The same class, within 5 percentage points",
)
POINTS = 0.05
ASKED, LEFT, RIGHT = (
    "Each time the one asked about",
    "Both times the one on the left",
    "Both times the one on the right",
)
APART = 16.0
"""Pixels between the middles of two objects, on a picture of 224, from which on one counts as the left one."""
MOST, PART, FEW = "More than half of them", "A fifth to a half of them", "A fifth of them, or fewer"
EACH, A_FEW, NOT_ONE = "After all of them", "After some, but not after all", "After none of them"


def half_of_the_heads(now: Context) -> Finding:
    """By how much the model shrinks if half of its attention heads are removed with their parameters."""
    of = whole.sizes(now)
    counts = whole.parameters(of)
    share = counts[whole.ATTENTION] / 2 / of.parameters
    answer = next((option for bound, option in SHRINKS if share >= bound), TENTH)
    return Finding(
        answer,
        f"The attention sublayers of {of.name} hold {counts[whole.ATTENTION] / of.parameters:.0%} of its {of.parameters:,} "
        f"parameters, so half of the heads are about {share:.0%}. The MLP sublayers, which have no map, hold "
        f"{counts[whole.MLP] / of.parameters:.0%} and stay.",
    )


def painted_at_ten(now: Context) -> Finding:
    """Which tokens that enter layer 10 have changed when the chosen patch is painted over, and most of them by how much."""
    change = patches.change(now)
    depth = min(9, len(change) - 1)
    found = change[depth]
    reached = np.flatnonzero(found > patches.CHANGED)
    reached = reached[reached >= now.axis.prefix] - now.axis.prefix
    near = patches.ring(now.grid, patches.chosen_patch(now))[reached].max(initial=0)
    many, large = int((found > patches.CHANGED).sum()), int((found > ONE_PERCENT).sum())
    text = (
        f"Of the {len(found)} tokens that enter layer {depth + 1}, {many} have changed by more than 0.01 % of their length, and "
        f"{large} by more than 1 %. Since layer 1 every token may read every other, so the token in a patch's place is no longer "
        "that patch alone; how much of it came along depends on what the patch shows."
    )
    if many >= NEARLY_ALL * len(found):
        return Finding(MUCH if large > len(found) / 2 else LITTLE, text)
    return Finding((ALONE, NEAR)[int(near)] if near <= 1 else None, text)


def special_handed_over(now: Context) -> Finding:
    """Whether the special tokens' share of what is handed over is larger than their share of the weights, equal or smaller."""
    prefix = now.axis.prefix
    if not prefix:
        return Finding(None, "This model has 0 special tokens, and this needs at least 1.")
    weights, lengths = (float(shares[:prefix].sum()) for shares in values.beside(now))
    ratio = lengths / max(weights, 1e-12)
    name = "class token" if prefix == 1 else f"{prefix} special tokens"
    return Finding(
        MORE if ratio > 1 + FIFTH else LESS if ratio < 1 - FIFTH else EQUAL,
        f"Layer {now.chosen.layer + 1}, {now.head_name()}, asked by {now.query_name()}: share of the {name} in the weights "
        f"{weights:.1%}, in the lengths of weight times value {lengths:.1%}, {ratio:.2f} times as much. A weight says how much is "
        "asked of a token, and its value what there is to hand over.",
    )


def best_head_elsewhere(now: Context) -> Finding:
    """On how many of three other pictures of the kind the head with most weight on the object is the best of all heads again."""
    others = _others(now, 3)
    here = _on_objects(now)
    if here is None or len(others) < 3:
        return NO_TRUTH
    best = int(np.nanargmax(here))
    found = [now.run(_elsewhere, now.model, one, tuple(now.asking)) for one in others]
    places = [int((one > one[best]).sum()) + 1 for one in found]
    again = sum(place == 1 for place in places)
    listed = ", ".join(f"{place} on {one.title}" for place, one in zip(places, others, strict=True))
    return Finding(
        EVERY if again == len(others) else SOME if again else NONE,
        f"Here {_head(now, best)} has most of its patch weight on the object, {here[best]:.0%}. Among all {len(here)} heads its "
        f"place is {listed}. The best of so many heads owes part of its score to luck on this picture.",
    )


def last_layer_off(now: Context) -> Finding:
    """What becomes of the likeliest class when the attention of the last layer is switched off."""
    if not now.record.prediction.labels:
        return Finding(None, "This model names 0 classes, and this needs at least 2.")
    if refused := heads_off.refusal(now):
        return Finding(None, f"0 of 1 run could be made. {refused}")
    last = len(now.record.maps) - 1
    off = tuple((last, head) for head in range(len(now.record.maps[last].weights)))
    scores = heads_off.scores(now, [(off, heads_off.OFF)])
    labels = now.record.prediction.labels
    before, after = (Prediction(labels, row).probabilities for row in scores)
    top, then = int(before.argmax()), int(after.argmax())
    lost = float(before[top] - after[top])
    answer = OTHER_CLASS if then != top else FALLS if lost >= POINTS else STAYS
    return Finding(
        answer,
        f"The probability of {labels[top]} is {before[top]:.1%}, and {after[top]:.1%} with the attention of layer {last + 1} "
        f"switched off; the likeliest class then is {labels[then]}. The map of the last layer shows what that layer reads, and the "
        f"class token arrives there with what {last} layers before it have added.",
    )


def side_of_rollout(now: Context) -> Finding:
    """Which object has most of the rollout, asked about the left or the right one: the same, since no class enters it."""
    scene_ = now.picture.scene
    found = masses(now, patch_rollout(now))
    if scene_ is None or len(scene_.things) != 2 or len(found) != 2:
        return Finding(None, "This needs a scene of 2 objects of different shapes. Choose one in the sidebar.")
    at = {thing.shape: float(np.nonzero(thing.mask)[1].mean()) for thing in scene_.things}
    left, right = sorted(found, key=lambda name: at[name])
    if at[right] - at[left] < APART * scene_.mask.shape[1] / 224:
        return Finding(
            None, f"The two objects stand one above the other, {at[right] - at[left]:.0f} pixels apart sideways."
        )
    more = found[left] - found[right]
    answer = (LEFT, RIGHT) if abs(more) < CLOSE else (LEFT if more > 0 else RIGHT,)
    tie = f" They differ by less than {100 * CLOSE:g} percentage points, so either side counts as right." * (
        len(answer) > 1
    )
    return Finding(
        answer,
        f"On the left, the {left} has {found[left]:.1%} of the rollout's patch weight; on the right, the {right} has "
        f"{found[right]:.1%}.{tie} No class enters the formula, so both numbers are the same whichever object is asked about.",
    )


def focused_on_object(now: Context) -> Finding:
    """How many of the tenth of all heads with the lowest entropy are in the tenth with most weight on the object."""
    mass = _on_objects(now)
    if mass is None or len(mass) < 10:
        return NO_TRUTH
    bits, count = entropy(np.concatenate(now.asking_rows())), len(mass) // 10
    sharp, best = np.argsort(bits, kind="stable")[:count], np.argsort(-mass, kind="stable")[:count]
    both = len(set(sharp.tolist()) & set(best.tolist()))
    return Finding(
        MOST if both > count / 2 else PART if both > count / 5 else FEW,
        f"Of the {count} heads with the lowest entropy of {len(mass)}, {both} are among the {count} with most of their patch weight "
        f"on the object. The most focused, {_head(now, int(sharp[0]))} with {bits[sharp[0]]:.2f} bits, has {mass[sharp[0]]:.0%} of "
        "it there. Entropy says how focused a row is, and not on what.",
    )


def side_of_component(now: Context) -> Finding:
    """In how many other layers the object lies on the side of the first component that it lies on after the last layer."""
    truth = _outlined(now.picture, now.grid, now.record.geometry)
    if truth is None or not 0 < truth.mean() < 1:
        return NO_TRUTH
    hidden = now.run(patches.hidden_states, now.model, now.picture)[1:, now.axis.prefix :]
    *others, last = (_side(one, truth) > 0 for one in hidden)
    equal, name = sum(side == last for side in others), "positive" if last else "negative"
    return Finding(
        EACH if equal == len(others) else A_FEW if equal else NOT_ONE,
        f"After layer {len(hidden)}, the object lies on the {name} side of the first component. After {equal} of the {len(others)} "
        "other layers, each with components of its own, it lies on that side, too. Which side is called positive is a convention, "
        "so a colour stands for no thing.",
    )


def _outlined(picture: Picture, grid: tuple[int, int], geometry: Geometry | None) -> NDArray[np.float32] | None:
    """(rows, columns) share of every patch on the objects of a scene, or on the main object of a sample photograph."""
    known = photographs().get(picture.id)
    mask = picture.mask if known is None else known.mask
    if picture.scene is None and mask is not None and geometry is not None:
        return covered(mask, grid, geometry).astype(np.float32)
    if picture.scene is None or picture.scene.mask.shape[0] % grid[0]:
        return None
    return coverage(picture.scene.mask, grid)


def _on_objects(now: Context) -> NDArray[np.float64] | None:
    """(all heads,) share of the asking token's patch weight on the objects; None without truth."""
    truth = _outlined(now.picture, now.grid, now.record.geometry)
    return None if truth is None else mass_in_mask(now.patch_map(np.concatenate(now.asking_rows())), truth)


def _elsewhere(model: Any, picture: Picture, asking: Sequence[int]) -> NDArray[np.float64]:
    """(all heads,) the same of another picture whose objects are known, asked by the token of this number."""
    record = model.attend(picture.image, half=True)
    prefix = record.maps[0].query.prefix
    marked = tuple(one - prefix for one in asking if one >= prefix)
    found = _on_objects(Context("", picture, record, Selection(0, None, asking[0], 0, 0, marked)))
    assert found is not None
    return found


def _others(now: Context, count: int) -> list[Picture]:
    """Other pictures of the kind: the next scenes with as many objects, or the next photographs with an outline."""
    if now.picture.scene is not None:
        first, things = now.picture.scene.seed + 1, len(now.picture.scene.things)
        drawn = [n for n in range(first, first + 40 * count) if len(scene(n).things) == things][:count]
        return [Picture.drawn(f"scene-{n}") for n in drawn]
    names = [one.name for one in photographs().values() if one.outlines]
    if now.picture.id not in names:
        return []
    at = names.index(now.picture.id) + 1
    return [Picture.photograph(name) for name in (*names[at:], *names)[: min(count, len(names) - 1)]]


def _head(now: Context, number: int) -> str:
    """The name of a head by its number among the heads of all layers."""
    for layer, one in enumerate(now.record.maps):
        if number < len(one.weights):
            return f"layer {layer + 1}, head {number + 1}"
        number -= len(one.weights)
    raise ValueError(f"head: want a number below that of all heads, got {number} too many")


def _side(given: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """How far the object lies towards the positive side of the first component of (patches, width), less its surroundings."""
    first, inside = principal_components(given).project(given)[:, 0], truth.ravel()
    return float(np.average(first, weights=inside) - np.average(first, weights=1 - inside))
