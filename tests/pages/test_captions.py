"""The pages "One word, one look" and "Regions read regions" in their states."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

import vit_attention as va
from tests.pages.reading import array, figures, fine, heats, said, titles
from tutorials.findings.captioning import Captioning
from tutorials.findings.context import Picture
from tutorials.lessons import lessons
from ui.read import captions, captions_proof
from ui.read.captions import OPENED, read_bundle
from ui.store.blobs import blobs
from visualizer import methods
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction, encode_picture
from vit_attention.records.geometry import Geometry
from worlds.captions import caption
from worlds.scenes import scene
from worlds.shapes import NAMES


def words(page: Any) -> list[str]:
    """The words of the sentence, from its buttons."""
    found = [b for b in page.button if str(b.key).startswith("captions_word_")]
    return [b.label.replace("\\", "") for b in found]


def answer(page: Any, number: float) -> Any:
    """The page after a number was typed into the field of its question."""
    return fine(next(one for one in page.number_input if one.label.startswith("Answer")).set_value(number).run())


def try_claim(page: Any, finding: str) -> str:
    return said(fine(page.button(key=f"here_captions.{finding}").click().run()))


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("captions", {"captions_map", "captions_strip", "captions_gates", "captions_heads"}),
        (
            "refiner",
            {
                "captions_reads",
                "refiner_distance",
                "refiner_evenness",
                "captions_refiner_gates",
                "captions_order",
                "captions_first",
            },
        ),
    ],
)
def test_every_step_and_the_whole_lesson_open_cold(app, name: str, keys: set[str]) -> None:
    for number in range(1, len(lessons()[name].steps) + 1):
        page = app(name, step=str(number))
        assert len(figures(page)) == 1
        assert not page.warning
    assert set(figures(app(name, all="true"))) == keys


def test_the_sentence_is_true_and_steps_show_one_map_a_word(app) -> None:
    """It begins at the word whose map is easiest to see, and that is a thing of the scene."""
    page = app("captions", scene="scene-6-2-50")
    told = words(page)
    assert " ".join(told[:-1]) == str(caption(scene(6, objects=2)))
    assert told[-1] == "(end)"
    assert titles(page) == ["To say “heart”"]
    fine(page.button(key="word_next").click().run())
    assert titles(page) == ["To say “(end)”"]
    assert page.button(key="word_next").disabled
    fine(page.button(key="captions_word_0").click().run())
    assert titles(page) == [f"To say “{told[0]}”"]
    assert page.query_params["word"] == "1"
    assert page.button(key="word_previous").disabled
    fine(page.button(key="word_next").click().run())
    assert titles(page) == [f"To say “{told[1]}”"]


@pytest.mark.parametrize("name", captions.GALLERY[:6])
def test_the_first_word_shown_is_a_noun_whose_map_can_be_seen(app, name: str) -> None:
    page = app("captions", scene=name)
    shown = titles(page)[0].removeprefix("To say “").removesuffix("”")
    assert shown in NAMES
    (mark,) = [
        one
        for one in figures(page)["captions_map"]["layout"]["annotations"]
        if "one scale" in one["text"].replace("<br>", " ")
    ]
    assert float(mark["text"].replace("<br>", " ").split(" 0 to ")[1].split(" ")[0]) > 0.13, "the mean cell has 0.005"


def test_a_step_sets_its_word_and_gives_the_one_before_back(app) -> None:
    page = app("captions", step="5")
    assert titles(page) == ["To say “right”"]
    fine(page.button(key="back").click().run())
    fine(page.button(key="back").click().run())
    assert titles(page) == ["To say “heart”"]
    fine(page.button(key="captions_word_1").click().run())
    fine(page.button(key="next").click().run())
    fine(page.button(key="next").click().run())
    assert page.session_state["word"] == 4
    fine(page.button(key="next").click().run())
    assert page.session_state["word"] == 2


def test_the_bars_of_the_refiner_are_those_of_its_weights(app) -> None:
    """By the definition, pair by pair: cells of 16 pixels, distances between their centres."""
    page = app("refiner", step="3")
    fine(page.radio[0].set_value("About the same (within 10 %)").run())
    drawn = figures(page)["refiner_distance"]["data"][0]["x"]
    shown = np.frombuffer(base64.b64decode(drawn["bdata"]), drawn["dtype"])
    record = va.load("scene-aoanet").attend(scene(6, objects=2).picture, half=True)
    first = next(one for one in record.maps if one.kind == "self").single[0].astype(float)
    rows = [
        sum(weight * 16 * math.dist(divmod(n, 14), divmod(m, 14)) for m, weight in enumerate(first[n])) / first[n].sum()
        for n in range(196)
    ]
    assert len(shown) == 2 * 4 + 1
    assert shown[0] == pytest.approx(np.mean(rows), rel=1e-3)


def test_another_picture_begins_at_a_word_of_its_own(app) -> None:
    page = app("captions", word="3", scene="scene-6-2-50")
    fine(page.selectbox(key="scene").set_value("scene-0-2-50").run())
    assert titles(page) == ["To say “moon”"]


def test_a_true_sentence_from_the_other_thing_is_not_shown_as_an_error(app) -> None:
    page = app("captions", scene="scene-15-2-50")
    truth = next(one.value for one in page.caption if "True of this scene" in one.value)
    assert ("described the other way round" in truth) == (
        " ".join(words(page)[:-1]) != str(caption(scene(15, objects=2)))
    )
    page = app("captions", scene="scene-6-2-50")
    assert not any("other way round" in one.value for one in page.caption)


def test_a_file_that_is_no_bundle_is_called_by_the_visitors_name_for_it(app) -> None:
    page = app("captions")
    page.file_uploader(key="captions_npz").upload("bad.npz", b"no bundle at all").run()
    (told,) = [one.value.replace("\\", "") for one in page.error]
    assert told.startswith("bad.npz: want a whole Sightlines bundle")
    assert "record.npz" not in told
    assert "BadZipFile" not in told
    assert len(words(page)) >= 4


def test_a_link_restores_word_head_and_outline(app) -> None:
    page = app("captions", word="3", head="2", named="true", beams="2", panel="code")
    drawn = figures(page)["captions_map"]
    told = words(page)
    assert drawn["layout"]["title"]["text"] == f"To say “{told[2]}”"
    assert any(trace.get("name") == "truth" for trace in drawn["data"])
    code = " ".join(one.value for one in page.code)
    assert "beams=2" in code
    what = "--layer 2 --head 1 --query 2"
    assert re.search(rf"visualize scene-6-2-50 --model scene-aoanet {what} .*--beams 2", code)
    page = app("captions", step="4", head="2")
    assert titles(page) == ["Where each word looked, head 2"]


def test_a_link_restores_the_region_that_asks(app) -> None:
    page = app("refiner", refiner_layer="2", head="3", region="57", beams="2", panel="code")
    assert titles(page) == ["Read by region 57"]
    assert any("Layer 2, head 3: region 57, the cell in row 5, column 1" in one.value for one in page.caption)
    code = " ".join(one.value for one in page.code)
    what = "--layer 1 --head 2 --query 56"
    assert re.search(rf"visualize scene-6-2-50 --model scene-aoanet {what} .*--beams 2", code)
    fine(page.number_input(key="region").set_value(40).run())
    assert page.query_params["region"] == "40"


def test_the_code_of_a_region_makes_its_map(app, monkeypatch: pytest.MonkeyPatch) -> None:
    page = app("refiner", refiner_layer="2", head="3", region="57", panel="code")
    shown: list[go.Figure] = []
    monkeypatch.setattr(go.Figure, "show", lambda figure: shown.append(figure))
    exec(next(one.value for one in page.code if "regions_map" in one.value), {})
    drawn, made = (
        next(trace["z"] for trace in figure["data"] if trace["type"] == "heatmap")
        for figure in (figures(page)["captions_reads"], json.loads(shown[0].to_json()))
    )
    assert made["shape"] == drawn["shape"]
    first, second = (np.frombuffer(base64.b64decode(one["bdata"]), one["dtype"]) for one in (made, drawn))
    np.testing.assert_allclose(first, second, atol=1e-3)  # the page's record is kept with 16 bits a number


@pytest.mark.parametrize(
    ("name", "parameters", "sentence"),
    [
        ("captions", {"word": "99"}, "There is no word 99, only 1 to 9; word 8 is shown."),
        ("refiner", {"region": "100000"}, "There is no query region 100000, only 1 to 196; query region 59"),
        ("captions", {"scene": "<script>"}, "There is no picture named"),
        ("captions", {"head": "evil"}, "There is no head"),
        ("captions", {"word_method": "flow"}, "There is no method 'flow'; method attention is shown."),
        ("refiner", {"refiner_layer": "x"}, "There is no refiner layer"),
        ("captions", {"beams": "-3"}, "There is no beams -3, only 1 to 5"),
        ("captions", {"captioner": "<b>"}, "There is no captioner"),
    ],
)
def test_what_a_link_asks_for_in_vain_is_said(app, name: str, parameters: dict[str, str], sentence: str) -> None:
    page = app(name, **parameters)
    assert len(figures(page)) == 1
    (told,) = [one.value.replace("\\", "") for one in page.warning]
    assert told.startswith(sentence)


def test_the_gate_of_every_word_stands_beside_its_bar(app) -> None:
    page = app("captions", step="6")
    bars = figures(page)["captions_gates"]["data"][0]
    assert len(bars["x"] if isinstance(bars["x"], list) else words(page)) == len(words(page))
    caption_of_map = " ".join(one.value for one in app("captions").caption)
    assert re.search(r"Word 8, “heart”, mean of all heads: entropy 3\.\d\d .* gate 7\d\.\d% open", caption_of_map)


def test_the_outcome_waits_for_the_guess_and_shows_the_order_undone(app) -> None:
    page = app("refiner", step="7")
    assert list(figures(page)) == ["captions_reads"]
    fine(page.radio[0].set_value("The same sentence").run())
    assert any(one.value.startswith("Right.") for one in page.success)
    assert list(figures(page)) == ["captions_order"]


def test_a_miss_is_answered_by_a_hint_and_the_second_by_the_solution(app) -> None:
    page = app("captions", step="2")
    rows = len(words(page))
    answer(page, rows - 1)
    assert [one.value for one in page.warning] == ["Not quite. " + lessons()["captions"].questions[0].hint]
    answer(page, rows - 2)
    assert any(f"{rows} looks" in one.value for one in page.warning)
    page = answer(app("captions", step="2"), rows)
    assert any(f"{rows} looks" in one.value for one in page.success)


def test_a_head_of_the_refiner_has_a_weight_for_every_pair_of_regions(app) -> None:
    page = answer(app("refiner", step="2"), 196 * 196)
    assert any("38,416 weights" in one.value for one in page.success)


@pytest.mark.parametrize(
    ("name", "step", "finding"),
    [
        ("captions", "4", "nouns_on_objects"),
        ("captions", "5", "relation_looks_at_both"),
        ("captions", "7", "gate_for_nouns"),
        ("captions", "8", "mean_is_best"),
        ("refiner", "8", "first_region_is_special"),
    ],
)
def test_every_claim_can_be_tested_on_a_scene_and_no_truth_is_claimed_on_a_photograph(
    app, name: str, step: str, finding: str
) -> None:
    assert re.search(r"\d", try_claim(app(name, step=step), finding))
    page = app(name, step=step, scene="cat")
    assert any("the sentence is made up" in one.value for one in page.warning)
    told = try_claim(page, finding)
    assert ("Choose a scene" in told) == (finding in ("nouns_on_objects", "relation_looks_at_both", "mean_is_best"))


def test_the_trust_card_scores_every_noun_beside_chance(app) -> None:
    page = app("captions", scene="scene-6-2-50", panel="trust")
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


def opened(app, name: str, file: str, record: AttentionRecord, tmp_path: Path, **parameters: str) -> Any:
    """The page after the record was uploaded under that name."""
    page = app(name, **parameters)
    data = record.save(tmp_path / "own.npz").read_bytes()
    page.session_state[OPENED] = (file, blobs.put(data))
    return fine(page.run())


def test_a_record_with_boxes_is_drawn_with_its_boxes(app, tmp_path: Path) -> None:
    page = app("captions", word="1")
    page.file_uploader(key="captions_npz").upload("own.npz", boxes_record().save(tmp_path / "own.npz").read_bytes())
    fine(page.run())
    assert not page.error
    assert isinstance(page.session_state[OPENED][1], str), "a digest; no record stays in a session"
    fine(page.button(key="captions_word_0").click().run())
    assert words(page) == ["**bold**", "<b>cat</b>", "(end)"]
    drawn = figures(page)["captions_map"]
    assert drawn["layout"]["shapes"][0]["path"] == "M0.0,0.0H30.0V40.0H0.0Z", "the strongest box of the first word"
    fine(page.button(key="captions_word_1").click().run())
    title = figures(page)["captions_map"]["layout"]["title"]["text"]
    assert title == "To say “&lt;b&gt;cat&lt;/b&gt;”"
    fine(page.button(key="captions_close").click().run())
    assert len(words(page)) > 3
    page = opened(app, "captions", "own.npz", boxes_record(), tmp_path, step="4")
    assert "Choose a scene" in try_claim(page, "nouns_on_objects")
    page = opened(app, "refiner", "own.npz", boxes_record(), tmp_path)
    assert any("does not keep its maps" in one.value for one in page.info)


def relevance(target: int, **options: Any) -> np.ndarray:
    """The relevance map of a word of a scene, straight from the library."""
    picture = scene(6, objects=2, difficulty=0.5).picture
    record = va.load("scene-aoanet").attend(picture, target=target, keep=methods()["relevance"].needs, **options)
    return methods()["relevance"](record).values


@pytest.mark.parametrize("beams", [1, 3])
def test_the_map_of_a_method_is_the_library_s_for_every_word(app, beams: int) -> None:
    page = app("captions", scene="scene-6-2-50", beams=str(beams), word="1", word_method="relevance", panel="code")
    of_words = [relevance(word, **({"beams": beams} if beams > 1 else {})) for word in (0, 1)]
    for word, expected in enumerate(of_words):
        fine(page.button(key=f"captions_word_{word}").click().run())
        assert titles(page) == [f"Relevance for word {word + 1}, “{words(page)[word]}”"]
        (drawn,) = heats(figures(page)["captions_map"])
        np.testing.assert_allclose(array(drawn["z"]), expected, rtol=1e-4, atol=1e-6)
        assert not [one for one in page.select_slider if one.key == "head"], "it takes all heads together"
        more = "--beams 3 " if beams > 1 else ""
        assert page.code[-1].value.endswith(f"--method relevance --alpha 0.4 {more}--target {word}")
    assert not np.allclose(*of_words, rtol=0.01), "negative control: another word has another map"


def test_the_code_of_a_method_makes_its_map(app, monkeypatch: pytest.MonkeyPatch) -> None:
    page = app("captions", scene="scene-6-2-50", word="3", word_method="relevance", panel="code")
    monkeypatch.setattr(go.Figure, "show", lambda figure: None)
    kept: dict[str, Any] = {}
    exec(page.code[0].value, kept)
    np.testing.assert_allclose(kept["found"].values, relevance(2), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_the_lesson_says_how_well_relevance_points() -> None:
    """The figures of "Careful": nouns whose strongest cell is on their object, and the share of the map there."""
    model, found, scenes = va.load("scene-aoanet"), [], 0
    for seed in range(40):
        picture = Picture.drawn(f"scene-{seed}-2-50")
        now = Captioning("scene-aoanet", picture, model.attend(picture.image), None, 0)
        if not now.truth.clear:
            continue
        scenes += 1
        for word, thing in now.nouns.items():
            on = now.covers()[thing] > 0.1
            again = model.attend(picture.image, target=word, keep=methods()["relevance"].needs)
            rows = methods()["relevance"](again).row, now.rows(None)[word]
            found.append([(on[row.argmax()], row[on].sum() / row.sum()) for row in rows])
    assert scenes == 33
    np.testing.assert_allclose(np.mean(found, axis=0), [[1, 0.52], [1, 0.85]], atol=0.006)


def test_a_word_said_twice_has_two_maps(app) -> None:
    page = app("captions", scene="scene-0-2-50")
    said_twice = [n for n, word in enumerate(words(page)) if words(page).count(word) > 1][:2]
    assert len(said_twice) == 2
    maps = []
    for word in said_twice:
        page = app("captions", scene="scene-0-2-50", word=str(word + 1), word_method="relevance")
        maps.append(array(heats(figures(page)["captions_map"])[0]["z"]))
    assert not np.allclose(*maps, rtol=0.01)


def test_a_saved_record_has_the_maps_that_it_was_saved_for_and_says_why_not_others(app, tmp_path: Path) -> None:
    model, picture = va.load("scene-aoanet"), scene(6, objects=2).picture
    page = opened(app, "captions", "own.npz", model.attend(picture), tmp_path)
    assert "relevance" not in page.selectbox(key="word_method").options
    told = " ".join(one.value for one in page.caption).replace("\\", "")
    assert "relevance (this record was saved without gradients, and no model is run for a file)" in told
    record = model.attend(picture, target=2, keep=methods()["relevance"].needs)
    page = opened(app, "captions", "own.npz", record, tmp_path, panel="code")
    fine(page.button(key="captions_word_2").click().run())
    fine(page.selectbox(key="word_method").set_value("relevance").run())
    (drawn,) = heats(figures(page)["captions_map"])
    np.testing.assert_allclose(array(drawn["z"]), methods()["relevance"](record).values, rtol=1e-4, atol=1e-6)
    assert page.code[-1].value == "python -m vit_attention visualize own.npz --method relevance --alpha 0.4"
    assert "model.attend" not in page.code[0].value
    fine(page.button(key="captions_word_3").click().run())
    assert "relevance (this record was saved for another word)" in " ".join(one.value for one in page.caption)
    assert titles(page)[0].startswith("To say")


def test_a_record_that_is_no_longer_kept_is_asked_for_again(app) -> None:
    page = app("captions")
    page.session_state[OPENED] = ("own.npz", "0" * 20)
    fine(page.run())
    (told,) = [one.value.replace("\\", "") for one in page.error]
    assert told == f"own.npz cannot be shown: {captions.GONE}"
    fine(page.button(key="captions_close").click().run())
    assert titles(page) == ["To say “heart”"]


def test_what_a_record_says_is_shown_letter_by_letter(app, tmp_path: Path) -> None:
    """A name or a word of a stranger's file must not fetch a picture or draw a link."""
    pixel = "![x](http://a.example/x.png)"
    given = boxes_record()
    regions = Axis("regions", labels=(pixel, "two", "three"), boxes=given.maps[0].key.boxes)
    told = Axis.text((pixel, "<b>cat</b>", "<end>"))
    cross = replace(given.maps[0], query=told, key=regions)
    inside = AttentionMap(np.full((1, 3, 3), 1 / 3, np.float32), "refiner", 0, "self", regions, regions)
    record = replace(given, maps=(inside, replace(cross, layer=1)), model=pixel)
    page = opened(app, "refiner", pixel, record, tmp_path, step="8")
    try_claim(page, "first_region_is_special")
    other = opened(app, "captions", pixel, record, tmp_path)
    kinds = ("markdown", "caption", "info", "success", "warning", "error", "button")
    texts = [
        one.label if kind == "button" else one.value
        for kind in kinds
        for at in (page, other)
        for one in getattr(at, kind)
    ]
    shown = [text for text in texts if "a\\.example" in text]
    assert len(shown) >= 6, "file and model in one line, twice; the word, its button; region 1 in claim and caption"
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
    for name in captions.GALLERY[:6]:
        _, seed, objects, _ = name.split("-")
        assert caption(scene(int(seed), objects=int(objects))).clear


def test_a_file_brought_at_the_question_around_a_lesson_is_looked_at_in_the_lesson(app, tmp_path: Path) -> None:
    data = boxes_record().save(tmp_path / "own.npz").read_bytes()
    for page, step in ((app("captions", bare="1"), 1), (app("captions", step="9"), 8)):
        assert not page.code
        page.file_uploader(key="captions_npz").upload("own.npz", data)
        fine(page.run())
        assert page.session_state["step"] == step
        assert words(page) == ["**bold**", "<b>cat</b>", "(end)"]
