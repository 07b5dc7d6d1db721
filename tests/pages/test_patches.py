"""The page "Patches and tokens" in its states."""

from __future__ import annotations

import json

import pytest

VERDICTS = ("Holds here", "Fails here", "Cannot be told here")


def charts(test) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in test.get("plotly_chart")]


def words(test) -> str:
    return " ".join(element.value for kind in ("markdown", "caption", "info") for element in test.get(kind))


def test_the_bill_of_tokens_and_the_pixels_of_the_chosen_patch(app) -> None:
    test = app("patches", row="3", column="5")
    said = words(test)
    assert "197 tokens" in said
    assert "192 numbers" in said
    assert "started from a designed code" in said
    assert any("Patch row 3, column 5" in json.dumps(chart["layout"].get("title", "")) for chart in charts(test))


def test_the_outcome_waits_for_the_guess(app) -> None:
    test = app("patches")
    before = len(charts(test))
    test.radio(key="patches_guess").set_value("Just show me").run()
    assert not test.exception
    assert len(charts(test)) == before + 1
    assert any("rank correlation" in info.value for info in test.info)


def test_the_check_question_is_graded_from_the_live_grid(app) -> None:
    test = app("patches")
    test.number_input(key="patches_check").set_value(785).run()
    assert any("785 tokens instead of 197" in one.value for one in test.success)
    test.number_input(key="patches_check").set_value(784).run()
    assert any("785 tokens instead of 197" in one.value for one in test.warning)


@pytest.mark.parametrize("claim", [1, 2, 3, 4])
def test_every_claim_can_be_tested(app, claim: int) -> None:
    test = app("patches")
    test.button(key=f"patches_claim_{claim}").click().run()
    assert not test.exception
    assert any(one.value.startswith(VERDICTS) for one in (*test.success, *test.warning, *test.info))


@pytest.mark.parametrize(
    "parameters", [{"reach": "changed when the chosen patch is painted over"}, {"centred": "false"}, {"truth": "true"}]
)
def test_a_link_restores_the_view(app, parameters: dict[str, str]) -> None:
    test = app("patches", **parameters)
    titles = " ".join(json.dumps(chart["layout"].get("title", "")) for chart in charts(test))
    assert {"reach": "Changed after layer", "centred": 'Alike after layer 10"', "truth": "Alike"}[
        next(iter(parameters))
    ] in titles


@pytest.mark.parametrize("parameters", [{"row": "999", "layer": "-5"}, {"reach": "<script>"}, {"picture": "nothing"}])
def test_hostile_links_show_the_page_all_the_same(app, parameters: dict[str, str]) -> None:
    assert "197 tokens" in words(app("patches", **parameters))
