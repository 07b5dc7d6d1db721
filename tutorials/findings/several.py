"""Maps of several methods of one picture: by the model as it is, with its top drawn anew, or at the picture with noise."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.altered import Altered
from tutorials.findings.context import Context, Picture, pairs
from visualizer.measures.controls import centre_prior, colour_contrast
from visualizer.method import Method, methods
from vit_attention.heavy import library
from vit_attention.inputs.edited import noisy
from vit_attention.records import Similar

Maps = dict[str, NDArray[Any]]
"""(rows, columns) of each method by its name."""

BLIND = {"centre prior": "centre", "colour contrast": "colour"}
"""Maps that know no model, with the short names that figures give them."""


LEFT_OUT = ("components",)
"""Methods whose map is three numbers a patch, drawn as colours, or has a sign that means nothing."""


@dataclass(frozen=True)
class Change:
    """What differs from the usual look of the model.

    Attributes:
        step: of the cascade, as `vit_attention.models.cascade.randomised` takes it.
        seed: of what is drawn: weights, or noise.
        noise: standard deviation of the noise on the picture, in grey levels of 0 to 255.
    """

    step: int = 0
    seed: int = 0
    noise: float = 0.0


@dataclass(frozen=True)
class Wanted:
    """Which methods are asked, what each is asked, and about which target all of them are."""

    names: tuple[str, ...]
    questions: tuple[tuple[Any, ...], ...] = field(repr=False)
    target: str = ""


def fitting(now: Context, costly: bool | None = False) -> list[str]:
    """Names of the methods that give one number to each patch here.

    Args:
        now: what is looked at.
        costly: those that run the model many times, or take seconds by themselves; None takes both.
    """
    found = [one for one in methods().values() if one.name not in LEFT_OUT and not now.unfit(one)]
    return [one.name for one in found if costly is None or costly == is_costly(one)]


def is_costly(method: Method) -> bool:
    """Whether a method takes seconds: it runs the model many times, or solves a problem for every patch."""
    return method.passes is not None or bool(method.most)


def about(now: Context, target: str = "") -> str:
    """The target of the methods that ask about one; "" takes the likeliest class, or, where none are named, the similarity
    to the chosen patch.
    """
    if now.may_be_similar and not target:
        return str(Similar(to=(now.chosen.row, now.chosen.column)))
    return now.target(target)


def maps_of(now: Context, names: Sequence[str], target: str = "", change: Change = Change()) -> Maps:
    """The maps of some methods for what the reader has chosen, from one run of `look`."""
    asks = [methods()[name] for name in names]
    aim = about(now, target) if any(one.asks_class for one in asks) else ""
    wanted = Wanted(tuple(names), tuple(pairs(now.question(one)) for one in asks), aim)
    found: Maps = now.run(look, now.model, now.picture, wanted, change)
    return found


def look(model: Any, picture: Picture, wanted: Wanted, change: Change) -> Maps:
    """The maps of a loaded model; methods that need the same share a pass, since what all need together would take much memory."""
    questions = {name: dict(one) for name, one in zip(wanted.names, wanted.questions, strict=True)}
    image = noisy(picture.image, change.noise, change.seed) if change.noise else picture.image
    changed = _at(model, change)
    found: Maps = {}
    for keep, asks in _by_needs(questions).items():
        record = changed.attend(image, keep=keep, target=wanted.target or None)
        found |= {one.name: np.asarray(one(record, **questions[one.name]).values, np.float32) for one in asks}
    return {name: found[name] for name in wanted.names}


def _by_needs(questions: dict[str, dict[str, Any]]) -> dict[frozenset[Any], list[Method]]:
    """Methods by what they need for their questions."""
    found: dict[frozenset[Any], list[Method]] = {}
    for name, question in questions.items():
        one = methods()[name]
        found.setdefault(frozenset(one.needs_for(query=question.get("query"))), []).append(one)
    return found


def _at(model: Any, change: Change) -> Any:
    """The model at a step of the cascade."""
    if not change.step:
        return model
    if isinstance(model, Altered):  # the same methods replaced, in what is made of the model itself
        own = vars(model)
        return Altered(_at(own["_model"], change), **{name: one for name, one in own.items() if name != "_model"})
    return library("vit_attention.models.cascade").randomised(model, change.step, change.seed)


def steps(now: Context) -> tuple[str, ...]:
    """What each step of the cascade draws anew."""
    found: tuple[str, ...] = now.run(_steps, now.model, None)
    return found


def _steps(model: Any, picture: None) -> tuple[str, ...]:
    found: tuple[str, ...] = library("vit_attention.models.cascade").cascade(model)
    return found


def blind(now: Context) -> Maps:
    """Maps that know no model: see `BLIND`."""
    maps = (centre_prior(now.grid), colour_contrast(now.picture.image, now.grid, now.record.geometry))
    return dict(zip(BLIND, maps, strict=True))


def titles(names: Sequence[str]) -> list[str]:
    """Names of methods and of maps that know no model, as figures have them."""
    return [f"{BLIND[one]} (no model)" if one in BLIND else methods()[one].label for one in names]
