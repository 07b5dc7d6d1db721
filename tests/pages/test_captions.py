"""The page "One word, one look" in its states."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

import vit_attention as va
from tests.pages.reading import figures, fine, guess, said, titles, try_claim
from tutorials.findings.captioning import Captioning
from tutorials.findings.context import Picture
from ui.read import captions, captions_proof
from ui.read.captions import OPENED, read_bundle
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction, encode_picture
from vit_attention.records.geometry import Geometry
from worlds.captions import caption
from worlds.scenes import scene


def words(page: Any) -> list[str]:
    """The words of the sentence, from its buttons."""
    found = [b for b in page.button if str(b.key).startswith("captions_word_")]
    return [b.label.replace("\\", "") for b in found]


def test_the_sentence_is_true_and_steps_show_one_map_a_word(app) -> None:
    page = app("captions", scene="scene-6-2-50")
    told = words(page)
    assert " ".join(told[:-1]) == str(caption(scene(6, objects=2)))
    assert told[-1] == "(end)"
    assert f"To say “{told[0]}”" in titles(page)
    fine(page.button(key="captions_next").click().run())
    assert f"To say “{told[1]}”" in titles(page)
    assert page.slider(key="word").value == 2
    fine(page.button(key=f"captions_word_{len(told) - 1}").click().run())
    assert "To say “(end)”" in titles(page)
    assert page.button(key="captions_next").disabled
    fine(page.button(key="captions_previous").click().run())
    assert f"To say “{told[-2]}”" in titles(page)


def test_a_true_sentence_from_the_other_thing_is_not_shown_as_an_error(app) -> None:
    page = app("captions", scene="scene-15-2-50")
    truth = next(one.value for one in page.caption if one.value.startswith("True of this scene"))
    assert ("told the other way round" in truth) == (" ".join(words(page)[:-1]) != str(caption(scene(15, objects=2))))
    page = app("captions", scene="scene-6-2-50")
    assert not any("other way round" in one.value for one in page.caption)


def test_a_file_that_is_no_bundle_is_called_by_the_visitors_name_for_it(app) -> None:
    page = app("captions")
    page.file_uploader(key="captions_npz").upload("bad.npz", b"no bundle at all").run()
    (said,) = [one.value.replace("\\", "") for one in page.error]
    assert said.startswith("bad.npz: want a whole Sightlines bundle")
    assert "record.npz" not in said
    assert "BadZipFile" not in said
    assert len(words(page)) >= 4


def test_a_link_restores_word_head_outline_and_the_refiners_view(app) -> None:
    page = app(
        "captions",
        word="3",
        caption_head="2",
        named="true",
        refiner_layer="2",
        refiner_head="3",
        region="57",
        beams="2",
    )
    drawn = figures(page)
    told = words(page)
    assert drawn["captions_map"]["layout"]["title"]["text"] == f"To say “{told[2]}”"
    assert any(trace.get("name") == "truth" for trace in drawn["captions_map"]["data"])
    assert drawn["captions_strip"]["layout"]["title"]["text"] == "Where each word looked, head 2"
    assert drawn["captions_reads"]["layout"]["title"]["text"] == "Read by region 57"
    text = " ".join(one.value for one in page.caption)
    assert "Layer 2, head 3: region 57, the cell in row 5, column 1" in text
    code = " ".join(one.value for one in page.code)
    assert "beams=2" in code
    for what in ("--layer 2 --head 1 --query 2", "--layer 1 --head 2 --query 56"):
        assert re.search(rf"visualize scene-6-2-50 --model scene-aoanet {what} .*--beams 2", code), what


@pytest.mark.parametrize(
    "parameters",
    [
        {"word": "99", "region": "100000"},
        {"scene": "<script>", "caption_head": "evil"},
        {"beams": "-3", "refiner_layer": "x"},
        {"captioner": "<b>"},
    ],
)
def test_hostile_links_show_the_page_all_the_same(app, parameters: dict[str, str]) -> None:
    page = app("captions", **parameters)
    assert len(words(page)) >= 4
    assert "captions_reads" in figures(page)


def test_the_gate_of_every_word_stands_beside_the_map(app) -> None:
    page = app("captions")
    bars = figures(page)["captions_gates"]["data"][0]
    assert len(bars["x"] if isinstance(bars["x"], list) else words(page)) == len(words(page))
    said = next(one.value for one in page.markdown if "Word 1" in one.value)
    assert re.search(
        r"\*\*Gate\*\* \d+\.\d% open \(mean over its channels\), which scales a mix of what was read and of the query",
        said,
    )


def test_the_outcome_waits_for_the_guess_and_shows_the_order_undone(app) -> None:
    page = app("captions")
    assert "captions_order" not in figures(page)
    guess(page, "captions", "The same sentence")
    assert any(one.value.startswith("Right.") for one in page.success)
    assert "captions_order" in figures(page)


def test_the_check_question_counts_the_end(app) -> None:
    page = app("captions")
    rows = len(words(page))
    fine(page.number_input(key="captions_check").set_value(rows - 1).run())
    assert any("looks" in one.value for one in page.warning)
    fine(page.number_input(key="captions_check").set_value(rows).run())
    assert any(f"{rows} looks" in one.value for one in page.success)


@pytest.mark.parametrize("claim", [1, 2, 3, 4, 5])
def test_every_claim_can_be_tested(app, claim: int) -> None:
    assert re.search("Holds here|Fails here|Cannot be told here", try_claim(app("captions"), "captions", claim))


def test_the_trust_card_scores_every_noun_beside_chance(app) -> None:
    page = app("captions", scene="scene-6-2-50")
    card = next(one.value for one in page.markdown if "parity residual" in one.value)
    for thing in scene(6, objects=2).things:
        assert re.search(
            rf"noun “{thing.shape}” \| points into its object; \d+% .* a random cell points into it with \d+%", card
        )
    assert "nouns on many scenes" in card


def test_the_published_model_is_explained_and_the_bundled_one_shown(app) -> None:
    page = app("captions", captioner="aoanet")
    assert any('va.load("aoanet"' in one.value for one in page.code)
    assert len(words(page)) >= 4


def test_another_scene_is_a_clear_one_of_two_objects(app) -> None:
    page = app("captions")
    fine(page.button(key="captions_new").click().run())
    chosen = str(page.selectbox(key="scene").value)
    seed = int(chosen.split("-")[1])
    assert chosen == f"scene-{seed}-2-50"
    assert caption(scene(seed, objects=2)).clear


def boxes_record(*, picture: bool = True, special: tuple[str, ...] = ()) -> AttentionRecord:
    """A caption of three boxes whose words a stranger chose."""
    regions = Axis("regions", boxes=np.array([[0.0, 0, 30, 40], [20, 0, 60, 40], [50, 10, 80, 40]]))
    told = ("**bold**", "<b>cat</b>", "<end>")
    weights = np.array([[[0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [1 / 3, 1 / 3, 1 / 3]]] * 2, np.float32)
    return AttentionRecord(
        (AttentionMap(weights, "core.attention", 0, "cross", Axis.text(told, special), regions),)
        if not special
        else (
            AttentionMap(
                np.concatenate([weights[:, :1], weights], 1), "core", 0, "cross", Axis.text(told, special), regions
            ),
        ),
        Geometry.of(80, 40),
        Prediction(text="bold cat", tokens=told),
        encode_picture(Image.new("RGB", (80, 40), (100, 120, 90))) if picture else b"",
        model="aoanet",
        settings={"gates": {"decoder": [0.5, 0.25, 0.75], "refiner": None}},
    )


def test_a_record_with_boxes_is_drawn_with_its_boxes(app, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = read_bundle("own.npz", boxes_record().save(tmp_path / "own.npz").read_bytes())
    page = app("captions")
    page.session_state[OPENED] = given
    fine(page.run())
    assert words(page) == ["**bold**", "<b>cat</b>", "(end)"]
    drawn = figures(page)["captions_map"]
    assert drawn["layout"]["shapes"][0]["path"] == "M0.0,0.0H30.0V40.0H0.0Z", "the strongest box of the first word"
    fine(page.button(key="captions_word_1").click().run())
    title = figures(page)["captions_map"]["layout"]["title"]["text"]
    assert title == "To say “&lt;b&gt;cat&lt;/b&gt;”"
    assert any("does not keep its maps" in one.value for one in page.caption)
    assert "Cannot be told here" in try_claim(page, "captions", 1)
    fine(page.button(key="captions_close").click().run())
    assert len(words(page)) > 3


def test_what_a_record_says_is_shown_letter_by_letter(app, tmp_path: Path) -> None:
    """A name or a word of a stranger's file must not fetch a picture or draw a link."""
    pixel = "![x](http://a.example/x.png)"
    given = boxes_record()
    regions = Axis("regions", labels=(pixel, "two", "three"), boxes=given.maps[0].key.boxes)
    told = Axis.text((pixel, "<b>cat</b>", "<end>"))
    cross = replace(given.maps[0], query=told, key=regions)
    inside = AttentionMap(np.full((1, 3, 3), 1 / 3, np.float32), "refiner", 0, "self", regions, regions)
    record = replace(given, maps=(inside, replace(cross, layer=1)), model=pixel)
    page = app("captions")
    page.session_state[OPENED] = read_bundle(pixel, record.save(tmp_path / "own.npz").read_bytes())
    fine(page.run())
    try_claim(page, "captions", 5)
    kinds = ("markdown", "caption", "info", "success", "warning", "error", "button")
    texts = [one.label if kind == "button" else one.value for kind in kinds for one in getattr(page, kind)]
    shown = [text for text in texts if "a\\.example" in text]
    assert len(shown) == 4, "file and model in one line, the word, its button, region 1 in the claim"
    assert not [text for text in texts if re.search(r"(?<!\\\\)!\[|a\.example|(?<!\\\\)<b>", text)]


@pytest.mark.parametrize("gates", [[0.5, 0.25, 0.75], None])
def test_the_code_shown_for_a_record_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], gates: list[float] | None
) -> None:
    record = replace(boxes_record(), settings={"gates": {"decoder": gates, "refiner": None}})
    record.save(tmp_path / "caption.npz")
    monkeypatch.chdir(tmp_path)
    shown: list[Any] = []
    monkeypatch.setattr(go.Figure, "show", lambda figure: shown.append(figure))
    now = Captioning("aoanet", Picture("own", "0", "own", Image.new("RGB", (80, 40))), record, 1, 1, runs=False)
    exec(captions_proof.record_code(now) + captions_proof.DRAW, {})
    assert capsys.readouterr().out == f"<b>cat</b> {gates and 0.25}\n"
    assert len(shown) == 2


def test_the_table_of_numbers_has_every_word_and_region() -> None:
    """Three words over boxes, and a grid of two cells whose places follow from the picture's size."""
    now = Captioning("aoanet", Picture("own", "0", "own", Image.new("RGB", (80, 40))), boxes_record(), 1, 0)
    lines = captions_proof.to_csv(now).splitlines()
    assert lines[0] == "word,region,left,top,right,bottom,share"
    assert lines[1:4] == ["1,1,0,0,30,40,0.7", "1,2,20,0,60,40,0.2", "1,3,50,10,80,40,0.1"]
    assert len(lines) == 10
    cells = replace(now.decoder, weights=np.array([[[0.25, 0.75]] * 3], np.float32), key=Axis.patches(1, 2))
    grid = replace(now, record=replace(now.record, maps=(cells,)), head=None)
    assert captions_proof.to_csv(grid).splitlines()[-1] == "3,2,40,0,80,40,0.75"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (boxes_record(picture=False), "want a record with its picture"),
        (boxes_record(special=("start",)), "want the record of a caption"),
    ],
)
def test_records_that_are_no_caption_on_a_picture_are_refused(
    tmp_path: Path, record: AttentionRecord, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read_bundle("own.npz", record.save(tmp_path / "own.npz").read_bytes())


def test_a_record_of_another_kind_is_refused(tmp_path: Path) -> None:
    other: Any = va.load("scene-vit").attend(scene(7).picture, layers=[0])
    with pytest.raises(ValueError, match="want the record of a caption"):
        read_bundle("own.npz", other.save(tmp_path / "own.npz").read_bytes())
    with pytest.raises(ValueError, match="bundle"):
        read_bundle("own.npz", b"nothing")


def test_every_scene_of_the_gallery_is_clear_and_named_right() -> None:
    for name in captions.GALLERY:
        _, seed, objects, _ = name.split("-")
        assert caption(scene(int(seed), objects=int(objects))).clear


def test_boxes_are_said(app) -> None:
    page = app("captions")
    assert "Holds here" in try_claim(page, "captions", 1)
    assert said(page)
