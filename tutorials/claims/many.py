"""One claim on many fresh pictures, beside controls that know nothing: one picture at a time, so that memory stays bounded."""

import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from tutorials.claims.counting import judged
from tutorials.claims.fresh import fresh
from tutorials.claims.verdict import Verdict
from tutorials.findings import Finding, finding
from tutorials.findings.altered import through
from tutorials.findings.context import Run
from tutorials.findings.controls import UNTRAINED, Control, controls, groups, kind
from vit_attention import registry
from vit_attention.gate import GateError
from vit_attention.heavy import library

LARGEST = 500
"""Megabytes of weights beyond which no untrained copy of a network is made beside it."""

Progress = Callable[[int, int], object]
Answers = dict[str, list[bool | None]]


def on_many(name: str, context: Any, progress: Progress | None = None, run: Run | None = None) -> Verdict:
    """A claim on 50 fresh scenes or pages (10 groups where pages are read together), looked at as `context` looks at its own, or on all outlined photographs.

    Args:
        name: of a finding, ``page.what``.
        context: what the finding is given on the page: its model, layer, head and query are kept.
        progress: called before the first picture and after each with (done, of how many); what it raises stops the
            work between pictures and is passed on.
        run: how models are run; give one that keeps no records, since every picture is met only once. None loads the model
            for this call.

    Returns:
        The verdict; its p value is not adjusted for other claims, see `holm`.

    Raises:
        GateError: a demonstration, which has no verdict, or a context that nothing fresh can be drawn for.
        KeyError: no finding of this name.
    """
    return on_many_at_once([name], context, progress, run)[name]


def on_many_at_once(
    names: Iterable[str], context: Any, progress: Progress | None = None, run: Run | None = None
) -> dict[str, Verdict]:
    """The verdicts of several claims by name, every picture looked at only once; see `on_many`."""
    asked = {name: finding(name) for name in names}
    for name, one in asked.items():
        if kind(one) == "demonstration":
            raise GateError(name, "a claim", "a demonstration, which has no verdict")
    things, looks = fresh(context)
    runs = _runs(context.model, _keeping_tables(run or once_loaded()))
    answers: dict[str, Answers] = {name: {} for name in asked}
    reasons: dict[str, str] = {}
    most = max((groups(one) or len(looks) for one in asked.values()), default=0)
    for done, look in enumerate(looks[:most]):
        if progress is not None:
            progress(done, most)
        due = {name: one for name, one in asked.items() if done < (groups(one) or len(looks))}
        for name, said in on_one(due, {of: look(one) for of, one in runs.items()}, reasons).items():
            for of, answer in said.items():
                answers[name].setdefault(of, []).append(answer)
    if progress is not None:
        progress(most, most)
    called = {name: f"groups of {things}" if groups(one) else things for name, one in asked.items()}
    return {name: judged(said.pop(OWN), said, reasons.get(name, ""), called[name]) for name, said in answers.items()}


KEPT = 16
"""Outcomes without a picture that a run keeps."""
OWN = ""
"""In the place of a control's name: the model itself."""


def on_one(
    asked: Mapping[str, Callable[[Any], Finding]], nows: Mapping[str, Any], reasons: dict[str, str]
) -> dict[str, dict[str, bool | None]]:
    """What each finding says about one picture, for the model and for each control of the finding.

    Args:
        asked: findings by name.
        nows: what they are given, by `OWN` and `UNTRAINED`.
        reasons: gets why a finding could not be tested, once for each name.
    """
    changed: dict[str, Any] = dict(nows)
    found: dict[str, dict[str, bool | None]] = {}
    for name, one in asked.items():
        said = one(nows[OWN])
        if said.answer is None:
            reasons.setdefault(name, said.text)
        found[name] = {OWN: _answer(said)}
        for control in controls(one):
            if control.name not in changed and said.answer is not None:
                changed[control.name] = control.change(nows[OWN], _random(control, nows[OWN]))
        for of in (*(of for of in nows if of != OWN), *(control.name for control in controls(one))):
            found[name][of] = None if said.answer is None else _answer(one(changed[of]))
    return found


def _answer(found: Finding) -> bool | None:
    return None if found.answer is None else bool(found.answer)


def _random(control: Control, now: Any) -> np.random.Generator:
    """The same numbers for a picture and a control on every run."""
    key = now.document.key if hasattr(now, "document") else now.picture.key
    return np.random.default_rng(zlib.crc32(f"{control.name} {key}".encode()))


def once_loaded() -> Run:
    """A run that loads each model once and keeps nothing of what it gives, fit for one call of `on_many`."""
    loaded: dict[str, Any] = {}

    def run(work: Callable[..., Any], model: str, picture: Any, *args: Any, **given: Any) -> Any:
        if model not in loaded:
            loaded[model] = registry.load(model)
        return work(loaded[model], picture, *args, **given)

    return run


def _keeping_tables(run: Run) -> Run:
    """The run, which keeps the last few outcomes that belong to no picture: small tables that every picture asks for again."""
    kept: dict[tuple[Any, ...], Any] = {}

    def again(work: Callable[..., Any], model: str, picture: Any, *args: Any, **given: Any) -> Any:
        if picture is not None:
            return run(work, model, picture, *args, **given)
        key = (work, model, *args)
        if key not in kept:
            kept[key] = run(work, model, None, *args, **given)
            if len(kept) > KEPT:
                del kept[next(iter(kept))]
        return kept[key]

    return again


def _runs(model: str, run: Run) -> dict[str, Run]:
    found = {OWN: run}
    if registry.card(model).megabytes <= LARGEST:
        found[UNTRAINED] = through(run, UNTRAINED, _untrained)
    return found


@lru_cache(maxsize=1)
def _untrained(model: Any) -> Any:
    made = library("vit_attention.models.untrained").untrained
    return made(registry.load(model.card.name), dictates=model)
