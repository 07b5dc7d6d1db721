"""Pictures and pages by name, and the table of findings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vit_attention as va
from tutorials.findings import finding, findings
from tutorials.findings.context import Context, Picture, Selection, anew
from tutorials.findings.page import Document
from visualizer import methods
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


def test_findings_are_found_by_their_files_and_an_unknown_name_is_refused() -> None:
    assert {"heads.near_or_far", "swin.allowed", "captions.gate_for_nouns"} - set(findings()) == set()
    with pytest.raises(KeyError, match=r"heads\.layer_distance"):
        finding("heads.layer_distance")


def test_a_notebook_runs_a_work_on_the_loaded_model() -> None:
    assert anew(lambda model, picture, word: (model.card.name, picture, word), "scene-vit", None, "x") == (
        "scene-vit",
        None,
        "x",
    )


def test_a_similarity_is_asked_by_its_text_and_opens_no_file(tmp_path: Path) -> None:
    record = va.load("scene-vit").attend("scene-7")
    now = Context("scene-vit", Picture.drawn("scene-7"), record, Selection(11, None, 0, 0, 0, ()))
    found = now.answer("relevance", "similar:6,8")
    assert found.words == "relevance from layer 1 for the similarity of the class token to patch (6, 8)"
    record = va.load("scene-vit").attend("scene-7", target="similar:6,8")
    np.testing.assert_allclose(found.row, methods()["relevance"](record).row, atol=1e-5)
    scene(3).picture.save(tmp_path / "secret.png")
    with pytest.raises(ValueError, match="want one to a patch of the same picture"):
        now.answer("relevance", f"similar:{tmp_path / 'secret.png'}")
