"""Page "Heads on trial" in the states a reader can bring it to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import vit_attention as va
from tests.pages.reading import array, figures, fine, opens_everywhere, said, titles
from tutorials.lessons import lessons
from ui.judge import trial, turning


def at(view: str) -> dict[str, str]:
    """The first step that shows a view."""
    return {"step": str([step.view for step in lessons()["trial"].steps].index(view) + 1)}


def test_every_step_opens_cold_and_so_does_the_whole_lesson(app: Any) -> None:
    opens_everywhere(app, "trial")


def test_bars_are_what_the_model_says_under_the_change(app: Any) -> None:
    page = app("trial", layer="6", head="9", trial_gain="0")
    (bars,) = (one for one in figures(page)["trial_bars"]["data"] if one["type"] == "bar")
    scores = va.load("scene-vit").under(va.HeadGains({(5, 8): 0.0})).classify("scene-7")
    shares = np.exp([*scores.values()]) / np.exp([*scores.values()]).sum()
    values = bars["x"] if isinstance(bars["x"], list) else array(bars["x"])
    np.testing.assert_allclose(values, 100 * np.sort(shares)[::-1][: len(values)], atol=1e-3)
    before = va.load("scene-vit").classify("scene-7")
    fall = max(before.values()) - scores[max(before, key=before.__getitem__)]
    told = f"The raw score of ring {'falls' if fall > 0 else 'rises'} by {abs(fall):.3g}."
    assert any(told in one.value for one in page.caption)


def test_all_positions_of_the_slider_are_sent_with_the_bars(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, Any] = {}
    monkeypatch.setattr("ui.parts.script.follow_bars", sent.update)
    app("trial", layer="6", head="9", trial_gain="1")
    assert sent["at"] == turning.GAINS.index(1.0)
    assert len(sent["values"]) == len(turning.GAINS) == 17
    assert sent["titles"][0] == "Layer 6, head 9 x -1"
    probabilities = va.load("scene-vit").attend("scene-7").prediction.probabilities
    assert max(sent["values"][sent["at"]]) == pytest.approx(100 * probabilities.max(), abs=1e-3)
    assert sum(name.startswith("* ") for name in sent["names"]) == 1


def test_a_set_lives_in_the_address_and_an_empty_one_is_told(app: Any) -> None:
    assert "The set is empty" in said(app("trial", trial_what="set of heads"))
    page = app("trial", trial_what="set of heads", trial_set="6.9,12.2", trial_gain="0.5")
    assert titles(page) == ["2 heads of the set x 0.5"]
    assert [*page.multiselect[0].value] == ["6.9", "12.2"]
    assert not [one for one in page.get("slider") if one.key == "layer"], "a picker that does nothing"


@pytest.mark.parametrize("wrong", ["13.1", "<b>", ",".join(f"{n}.{m}" for n in (1, 2, 3) for m in range(1, 13))])
def test_a_wrong_set_is_answered(app: Any, wrong: str) -> None:
    page = app("trial", trial_what="set of heads", trial_set=wrong, trial_gain="7", trial_around="median")
    told = " ".join(one.value for one in page.warning)
    assert "set" in told
    assert "no gain" in told
    assert "no gain around" in told


@pytest.mark.parametrize("model", ["photo-dino", "scene-clip"])
def test_models_without_classes_are_asked_about_a_similarity(app: Any, model: str) -> None:
    page = app("trial", model=model, picture="coffee" if model == "photo-dino" else "scene-7")
    assert figures(page)["trial_bars"]["layout"]["xaxis"]["title"]["text"] == "cosine similarity"
    told = fine(app("trial", **at("importance"), model=model, picture="scene-7")).info[0].value
    assert f"not for {model}" in told


def test_several_heads_stand_beside_their_sum(app: Any) -> None:
    page = app("trial", **at("together"), trial_what="one head")
    assert "choose a whole layer" in said(page)
    page = app("trial", **at("together"), layer="6")
    names = figures(page)["trial_together"]["layout"]["yaxis"]["ticktext"]
    assert names[:2] == ["* all at once", "sum of single effects"]


def test_a_click_chooses_a_head_and_collects_it_in_a_set(monkeypatch: pytest.MonkeyPatch) -> None:
    session: dict[str, Any] = {}
    monkeypatch.setattr("streamlit.session_state", session)
    turning.pick([[5, 8]])
    assert (session["layer"], session["head"]) == (6, "9")
    assert turning.SET not in session
    session[turning.WHAT] = turning.SEVERAL
    for point in ([5, 8], [11, 1], [5, 8]):
        turning.pick([point])
    assert session[turning.SET] == ["12.2"], "a second click takes it out"
    turning.pick(["x"])
    assert session[turning.SET] == ["12.2"]


def test_measured_heads_are_exported_one_line_each() -> None:
    class Now:
        model = "scene-vit"

    lines = trial.measured_csv(Now()).decode().splitlines()  # type: ignore[arg-type]
    assert lines[0] == "layer,head,fall_zero,half_zero,fall_mean,half_mean"
    assert len(lines) == 145
    assert lines[-1].startswith("12,12,")
