"""The first page: a photograph to try from a record in the repository, the way to every lesson, no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import vit_attention as va
from tests.pages.reading import array, figures, fine, heats
from tutorials import first_record as first
from tutorials.lessons import lessons
from tutorials.study.answers import Answer
from ui.frame import table
from ui.parts.visit import Kept
from vit_attention.models.cards import BUNDLED

ROOT = Path(__file__).resolve().parents[2]
App = Callable[..., AppTest]


@pytest.fixture
def page() -> AppTest:
    """The page as it is opened without an address of its own."""
    return fine(AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run())


def test_the_record_is_that_of_the_model() -> None:
    kept, made = first.record(), va.load("photo-dino").attend("coffee")
    assert first.FILE.stat().st_size < 1_000_000
    assert (kept.geometry.matrix, kept.geometry.seen) == (made.geometry.matrix, made.geometry.seen)
    for one, other in zip(kept.maps, made.maps, strict=True):
        np.testing.assert_allclose(one.weights[0], other.single.mean(axis=0), atol=0.002)
        np.testing.assert_allclose(one.weights.sum(axis=2), 1, atol=1e-5)


def test_a_photograph_is_shown_at_once_and_follows_layer_and_patch(page: AppTest) -> None:
    assert page.title[0].value == "Sightlines"
    page.slider(key="layer").set_value(4)
    page.segmented_control(key="ask").set_value("patch")
    fine(page.run())
    page.number_input(key="row").set_value(9)
    page.number_input(key="column").set_value(5)
    fine(page.run())
    (figure,) = figures(page).values()
    assert figure["layout"]["title"]["text"] == "Layer 4, mean of all heads"
    row = va.load("photo-dino").attend("coffee").maps[3].single.mean(axis=0)[1 + 8 * 16 + 4, 1:].reshape(16, 16)
    np.testing.assert_allclose(array(heats(figure)[0]["z"]), row, atol=0.002)


def test_it_leads_to_every_page_with_number_and_minutes(app: App) -> None:
    page = app("start")
    links = [one.proto.label for one in page.get("page_link")]
    course = [one.name for one in table.lessons()]
    for one in table.PAGES[1:]:
        assert any(one.title in label for label in links)
    assert any(label.startswith(f"**{course.index('heads') + 1} Heads, 15 min") for label in links)
    assert not page.sidebar.selectbox


def test_it_says_what_the_bundled_models_can_see(app: App) -> None:
    text = " ".join(one.value for one in app("start").markdown)
    for name in ("scene-vit", "photo-dino", "receipt-donut", "scene-aoanet", "scene-clip", "review-encoder"):
        assert f"**{name}**" in text
    card = json.loads((BUNDLED / "receipt-donut.json").read_text())["receipts"]
    assert f"{100 * card['fields']:.0f}% of the fields" in text
    assert "{" not in text


def test_the_table_and_the_lessons_fit_together() -> None:
    names = {one.name for one in table.PAGES}
    assert {one.name for one in table.lessons()} <= names
    assert {one.stem for one in (ROOT / "pages").glob("*.py")} == names


def test_a_parameter_that_cannot_be_honoured_is_answered() -> None:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    page.query_params["layer"] = "99"
    (said,) = (one.value for one in fine(page.run()).warning)
    assert "There is no layer 99, only 1 to 12" in said


def test_the_first_page_imports_no_torch() -> None:
    program = (
        "import sys\nfrom streamlit.testing.v1 import AppTest\nimport ui.frame.heavy\n"
        "ui.frame.heavy.warm_up = lambda: None\n"
        "page = AppTest.from_file('app.py', default_timeout=60).run()\nassert not page.exception, page.exception\n"
        "assert len(page.get('plotly_chart')) == 1\n"
        "bad = {'torch', 'torchvision', 'transformers', 'skimage', 'scipy'} & set(sys.modules)\nassert not bad, bad"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1500:]


def test_a_path_says_what_comes_next_and_how_long_it_takes() -> None:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    page.query_params["path"] = "90"
    fine(page.run())
    assert page.get("progress")[0].proto.text.startswith("90 of 90 min left")
    assert any("Go on: One query, step 1 (20 min in all)" in one.proto.label for one in page.get("page_link"))
    page.session_state["_visit"].kept = {("query", "check", "x", "y"): _answered("query", "3")}
    fine(page.run())
    steps = len(lessons()["query"].steps)
    assert page.get("progress")[0].proto.text.startswith(f"{round(90 - 20 * 3 / steps)} of 90 min left")
    (link,) = (one.proto for one in page.get("page_link") if "Go on: One query, step 4" in one.proto.label)
    assert "step=4" in link.query_string


def test_a_path_that_there_is_not_is_answered() -> None:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    page.query_params["path"] = "3"
    assert fine(page.run()).warning


def _answered(lesson: str, step: str) -> Kept:
    none = dict.fromkeys(
        ("student", "misconception", "model", "picture", "answer", "right", "solution", "why", "tries"), ""
    )
    row = Answer(time="2026-01-01T00:00:00Z", lesson=lesson, step=step, kind="check", question="query.x", **none)
    return Kept(view="0" * 16, given=["x"], row=row)
