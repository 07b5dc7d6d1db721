"""The file of precomputed verdicts holds every claim of every lesson, and nothing in it is stale."""

from __future__ import annotations

import json
from math import isnan

import pytest

from benchmarks.claims import claims, subject
from tutorials.claims import judged, precomputed
from tutorials.claims.defaults import models
from tutorials.claims.precomputed import kept_of, known, loaded, made_from, said
from tutorials.findings import finding
from tutorials.findings.controls import kind
from tutorials.lessons import lessons

ALL = [(name, model) for page in lessons() for model in models(subject(page)) for name in claims(page)]


@pytest.mark.parametrize(("name", "model"), ALL)
def test_every_claim_is_there_and_fresh(name: str, model: str) -> None:
    kept = known().get(model, {}).get(name)
    advice = "run python -m benchmarks.claims, which runs what is stale"
    assert kept is not None, f"no verdict of {name} under {model}: {advice}"
    assert kept["made_from"] == made_from(name, model), f"{name} under {model}: its code or its model changed: {advice}"
    assert kept["said"] == said(name), (
        f"{name}: its sentences changed; see whether its numbers still fit, then {advice}"
    )
    found = precomputed(name, model)
    assert found is not None
    assert found.held <= found.tested
    assert found.tested + found.untestable in (7, 10, 50)


def test_nothing_else_is_in_the_file() -> None:
    assert {(name, model) for model, of_model in known().items() for name in of_model} <= set(ALL)


def test_a_verdict_survives_the_file() -> None:
    for found in (
        judged([True, False, None], {"centre": [True, True, None]}, things="receipts"),
        judged([None], {"centre": [None]}),
    ):
        again = loaded(json.loads(json.dumps(kept_of(found))))
        assert again.words == found.words
        assert isnan(again.interval[0]) == isnan(found.interval[0])


def test_demonstrations_are_called_so_in_their_lessons() -> None:
    for lesson in lessons().values():
        for claim in lesson.claims:
            assert getattr(claim, "kind", kind(finding(claim.finding))) == kind(finding(claim.finding)), claim.finding
