"""Pictures and pages by name, and the table of findings."""

from __future__ import annotations

import numpy as np
import pytest

from tutorials.findings import PAGES, finding, findings
from tutorials.findings.context import Picture, anew
from tutorials.findings.page import Document
from worlds.receipts import receipt
from worlds.scenes import scene


def test_a_name_draws_its_picture_or_page() -> None:
    np.testing.assert_array_equal(np.asarray(Picture.drawn("scene-7").image), scene(7).pixels)
    page = Document.drawn("receipt-3-3")
    np.testing.assert_array_equal(np.asarray(page.image), receipt(3, 3).pixels)
    assert page.prompt == "<s_receipt>"


@pytest.mark.parametrize("name", ["receipt-3-3", "cat"])
def test_a_name_of_no_scene_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"want the name of a scene, such as scene-7, got '{name}'"):
        Picture.drawn(name)


def test_a_name_of_no_page_is_refused() -> None:
    with pytest.raises(ValueError, match="want the name of a receipt or form, such as receipt-3-3, got 'scene-7'"):
        Document.drawn("scene-7")


def test_every_page_has_findings_and_an_unknown_name_is_refused() -> None:
    assert {name.split(".")[0] for name in findings()} == set(PAGES)
    with pytest.raises(KeyError, match=r"heads\.layer_distance"):
        finding("heads.layer_distance")


def test_a_notebook_runs_a_work_on_the_loaded_model() -> None:
    assert anew(lambda model, picture, word: (model.card.name, picture, word), "scene-vit", None, "x") == (
        "scene-vit", None, "x",
    )  # fmt: skip
