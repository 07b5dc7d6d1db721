"""The playground: methods, display, what the address restores, own pictures, saved records, hostile files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

import vit_attention as va
from ui.explore import outlining, sources
from ui.frame import visitors
from ui.store import blobs, pictures
from visualizer import coverage, covered
from visualizer.method import methods
from vit_attention.gate import LIMITS, Limit
from vit_attention.heavy import LibraryError
from vit_attention.models import cards
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction, Similar
from worlds.photographs import photograph

App = Callable[..., AppTest]


def png(width: int = 40, height: int = 30, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(out, kind)
    return out.getvalue()


def bundle(folder: Path, special: tuple[str, ...] = ("class",), kind: str = "self") -> bytes:
    axis = Axis.patches(2, 3, special)
    weights = np.full((2, len(axis), len(axis)), 1 / len(axis), np.float32)
    one = AttentionMap(weights, "block.0", 0, kind, axis, axis)
    record = AttentionRecord((one, one), picture=png(), model="<b>strange</b>")
    return record.save(folder / "record.npz").read_bytes()


def unlocked(page: AppTest) -> AppTest:
    """The page after the key of the server was typed in."""
    return page.text_input(key="server_key").set_value(visitors.key()).run()


def own(page: AppTest) -> pictures.Picture:
    """The picture that was brought last."""
    return pictures._open_own(next(reversed(page.session_state["uploaded_picture"])))


LOOKS = [one.label for one in methods().values() if one.changes != "text" and one.asked_by != "label"]
"""Methods that a classifier of pictures has maps for."""


@pytest.mark.parametrize("name", LOOKS)
def test_every_method_draws(app: App, name: str) -> None:
    test = app("playground", picture="scene-24", method=name)
    assert test.selectbox(key="method").value == name
    assert not test.exception
    assert not test.error
    assert len(test.get("plotly_chart")) == 2


def test_knobs_that_do_nothing_are_not_drawn_and_keep_their_values(app: App) -> None:
    asked = {"picture": "scene-24", "method": "occlusion", "window": "7", "stride": "7", "segments": "5"}
    test = app("playground", **asked, cover="superpixels")
    assert not test.exception
    assert test.number_input(key="segments").value == 5
    assert not [one for one in test.slider if one.key in ("window", "stride")]
    assert any("by superpixels" in one.value for one in test.caption)
    assert any("--cover superpixels" in one.value and "--segments 5" in one.value for one in test.code)
    again = app("playground", **asked)
    assert again.slider(key="window").value == 7
    assert "segments" not in [one.key for one in again.number_input]
    assert test.query_params["window"] == again.query_params["window"]


def test_the_address_restores_the_view(app: App) -> None:
    test = app(
        "playground",
        picture="scene-24",
        method="rollout so far",
        layer="3",
        residual="0.7",
        fusion="max",
        scale="log",
        colours="Magma",
        opacity="0.4",
        smooth="true",
    )
    wanted = "Rollout from layer 1 up to layer 3, max of heads, residual share 0.7"
    assert any(one.value.replace("\\", "").startswith(wanted) for one in test.caption)
    heat = json.loads(test.get("plotly_chart")[0].proto.spec)["data"][0]
    assert heat["opacity"] == 0.4
    assert heat["zsmooth"] == "best"
    assert test.selectbox(key="picture").value == "scene-24"


def test_nonsense_in_the_address_is_answered(app: App) -> None:
    asked = {
        "ask": "patch",
        "method": "<b>x",
        "scale": "loud",
        "opacity": "1e999",
        "colours": "Beige",
        "start": "-4",
        "row": "9" * 400,
    }
    test = app("playground", layer="99", picture="nope", **asked)
    assert not test.exception
    assert test.selectbox(key="method").value == "one layer"
    said = "\n".join(one.value for one in test.warning)
    assert "There is no layer 99, only 1 to 12; layer 10 is shown" in said
    for part in ("There is no picture named 'nope'", "There is no opacity", "There is no method", "There is no row"):
        assert part in said
    assert "<b>" not in said.replace("\\<b\\>", "")


def test_a_fresh_scene_gets_its_own_address(app: App) -> None:
    test = app("playground")
    test.number_input(key="playground_seed").set_value(321)
    test.button(key="playground_draw").click().run()
    assert test.selectbox(key="picture").value == "scene-321-2-50"
    assert any("Truth:" in one.value for one in test.caption)
    again = app("playground", picture="scene-321-2-50")
    assert again.selectbox(key="picture").value == "scene-321-2-50"


def test_own_pictures_and_what_is_wrong_with_them(app: App) -> None:
    page = app("playground", picture="scene-24")
    field = page.file_uploader(key="playground_upload")
    given = [("green ring.png", png(), "image/png"), ("bad.png", b"no picture at all", "image/png")]
    field.set_value([*given, ("![x](http://a/b).gif", png(50, 60, "GIF"), "image/gif")]).run()
    assert not page.exception
    assert page.selectbox(key="picture").value.startswith("own-")
    assert page.selectbox(key="picture").options[:2] == ["![x](http://a/b)", "green ring"]
    assert "bad" in page.error[0].value
    for kind in ("WebP", "GIF", "BMP", "TIFF"):  # those that the message offers
        assert kind in page.error[0].value
        assert kind.lower() in " ".join(field.allowed_type)
    assert page.selectbox(key="model").value == "photo-dino"
    assert any("shown under photo-dino" in one.value for one in page.info)
    assert len(page.get("plotly_chart")) == 1  # which names no classes
    names = [one.label for one in page.button]
    assert "green ring" in names
    assert "\\!\\[x\\](http\\://a/b)" in names  # as letters, not as a picture to fetch
    assert len(names) == len(set(names))
    page.button(key=f"look_{next(iter(page.session_state['uploaded_picture']))}").click().run()
    assert own(page).image.size == (50, 60)
    assert pictures.get("coffee").image.size == (600, 400)


def test_a_picture_of_somebody_else_is_in_no_link(app: App) -> None:
    first = app("playground")
    first.file_uploader(key="playground_upload").upload("red.png", png()).run()
    link = first.selectbox(key="picture").value
    other = app("playground", picture=link)
    assert other.selectbox(key="picture").value == "coffee"
    assert any("An own picture stays in its session" in one.value for one in other.warning)
    assert link not in other.selectbox(key="picture").options


def test_a_session_holds_digests_and_names_alone(app: App) -> None:
    page = app("playground")
    page.file_uploader(key="playground_upload").upload("red.png", png()).run()
    (digest,) = page.session_state["uploaded_picture"]
    assert page.session_state["uploaded_picture"][digest] == "red"
    assert blobs.blobs.get(digest.removeprefix("own-")) == png()


def test_a_photograph_of_a_phone_is_turned_reduced_and_explained(app: App) -> None:
    """12 megapixels lying on their side, and a HEIC file under another name."""
    upright = Image.new("RGB", (3024, 4032), (20, 20, 220))
    upright.paste((220, 20, 20), (0, 0, 3024, 2016))
    tags, out = Image.Exif(), io.BytesIO()
    tags[0x0112] = 6  # stored counter-clockwise, to be turned back
    upright.transpose(Image.Transpose.ROTATE_90).save(out, "JPEG", exif=tags)
    page = app("playground")
    page.file_uploader(key="playground_upload").upload("IMG_1.jpg", out.getvalue()).run()
    image = own(page).image
    assert image.size == (1536, 2048)
    assert image.getpixel((768, 100))[0] > 200
    assert image.getpixel((768, 1900))[2] > 200
    assert any("HEIC" in one.value and "iPhone" in one.value and "Android" in one.value for one in page.caption)
    page.file_uploader(key="playground_upload").upload("IMG_2.jpg", b"\0\0\0\x18ftypheic" + bytes(400)).run()
    assert not page.exception
    assert "HEIC" in page.error[0].value
    assert "Most Compatible" in page.error[0].value
    assert not page.info


def test_what_the_reader_outlines_is_scored(app: App) -> None:
    """The left half of a texture: the share of the map inside is that of the left half of its patches."""
    half = "0,0 500,0 500,1000 0,1000"
    page = app("playground", panel="trust", picture="gravel", **{"drawn-gravel": half}, outlined="true")
    line = next(one for text in page.markdown for one in text.value.splitlines() if "weight on: your outline" in one)
    values = va.load("photo-dino").attend("gravel", half=True).maps[9].single[:, 0].mean(axis=0)[1:].reshape(16, 16)
    assert f"| {values[:, :8].sum() / values.sum():.1%} |" in line
    page.button(key="clear_outline").click().run()
    assert not any("your outline" in text.value for text in page.markdown)
    assert "drawn-gravel" not in page.query_params
    page = app("playground", panel="code", picture="gravel", **{"drawn-gravel": half}, outlined="true")
    assert page.code
    assert not any("--outline" in one.value or "--truth" in one.value for one in page.code)


def test_clicks_and_boxes_make_outlines() -> None:
    import streamlit as st

    key = "drawn-test"
    for cell in (0, 31, 32 * 31):
        outlining._pick(key, [cell])
    assert st.session_state[key] == "15,15 984,15 15,984"
    outlining._pick(key, [row * 32 + column for row in (8, 9, 10) for column in (0, 1)])
    assert st.session_state[key] == "0,250 62,250 62,343 0,343"
    outlining._pick(key, ["x"])
    assert outlining._read(st.session_state[key]) == st.session_state[key]


@pytest.mark.parametrize("text", ["1,1", "", "5,5 1001,3 3,3", "a,b c,d e,f", "1,1 " * 99, "9" * 400])
def test_an_outline_of_nonsense_is_none(app: App, text: str) -> None:
    page = app("playground", picture="gravel", **{"drawn-gravel": text})
    assert not page.exception
    assert not any("weight on: your outline" in one.value for one in page.markdown)


def test_drawing_shows_the_picture_under_a_grid(app: App) -> None:
    page = app("playground", picture="gravel", draw_outline="true", **{"drawn-gravel": "100,100 400,100 400,400"})
    assert [one.proto.id.rsplit("-", 1)[-1] for one in page.get("plotly_chart")] == [
        "outline_picture",
        "playground_map",
    ]
    assert page.query_params["drawn-gravel"] == "100,100 400,100 400,400"
    assert not any(one.key == "draw_outline" for one in app("playground", picture="coffee").toggle)


def test_an_opened_record_is_drawn_without_a_model(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test = app("playground", panel="code")
    monkeypatch.setattr(va.registry, "load", None)
    test.file_uploader(key="playground_npz").upload("mine.npz", bundle(tmp_path)).run()
    assert not test.exception
    assert any("made by <b>strange</b>" in one.value for one in test.text)
    assert any("AttentionRecord.load('mine.npz')" in one.value for one in test.code)
    assert "relevance" not in test.selectbox(key="method").options
    said = next(one.value for one in test.caption if "(needs a class, and this model names none;" in one.value)
    needing = said.split(" (needs a class")[0]
    assert {"relevance", "gradient rollout", "LeGrad", "decision flow", "logit lens"} <= {
        *needing.removeprefix("Not here: ").split("; ")[-1].split(", ")
    }
    test.button(key="playground_close").click().run()
    assert not any("mine.npz" in one.value for one in test.text)


def test_an_opened_record_about_a_similarity_is_drawn(app: App, tmp_path: Path) -> None:
    bundle(tmp_path)
    made = AttentionRecord.load(tmp_path / "record.npz")
    sloped = tuple(replace(one, gradient=np.ones_like(one.weights)) for one in made.maps)
    said = Prediction(target=Similar((1, 2), token=(0, 1)))
    data = replace(made, maps=sloped, prediction=said).save(tmp_path / "about.npz").read_bytes()
    test = app("playground")
    test.file_uploader(key="playground_npz").upload("mine.npz", data).run()
    test.selectbox(key="method").set_value("relevance").run()
    assert not test.exception
    assert not test.error
    assert any(
        "for the similarity of patch (0, 1) to patch (1, 2)" in one.value.replace("\\", "") for one in test.caption
    )
    assert len(test.get("plotly_chart")) == 1


@pytest.mark.parametrize("what", ["junk", "cut", "window", "pickle"])
def test_a_hostile_record_is_a_message(app: App, tmp_path: Path, what: str) -> None:
    pickled = io.BytesIO()
    np.savez(pickled, manifest=np.array([{"a": 1}], dtype=object))
    data = {
        "junk": b"not a zip",
        "cut": bundle(tmp_path)[:300],
        "window": bundle(tmp_path, kind="window"),
        "pickle": pickled.getvalue(),
    }[what]
    test = app("playground")
    test.file_uploader(key="playground_npz").upload("evil.npz", data).run()
    assert not test.exception
    assert test.error[0].value.startswith("evil\\.npz")
    assert len(test.get("plotly_chart")) == 1


def test_a_record_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sources.read_bundle(bundle(tmp_path)).model == "<b>strange</b>"
    monkeypatch.setitem(LIMITS, "uploaded bundle", Limit(100, "bytes unpacked", "a test"))
    with pytest.raises(ValueError, match="unpacked"):
        sources.read_bundle(bundle(tmp_path))


def test_another_model_that_is_none(app: App) -> None:
    test = unlocked(app("playground"))
    test.text_input(key="playground_hf").set_value("/no/such/folder").run()
    test.button(key="playground_load").click().run()
    assert not test.exception
    assert test.error[0].value == "This model cannot be loaded."


@pytest.mark.parametrize(
    ("typed", "asked"), [("timm:none", "timm:none"), (" hf:none/such", "hf:none/such"), ("none/such", "hf:none/such")]
)
def test_another_model_is_one_of_either_library(
    app: App, monkeypatch: pytest.MonkeyPatch, typed: str, asked: str
) -> None:
    def lacking(name: str) -> None:
        raise LibraryError("the library", "this library to be installed", name, advice="Install it: pip install it")

    test = unlocked(app("playground"))
    model = sources.resources.model
    monkeypatch.setattr(sources.resources, "model", lambda name: lacking(name) if name == asked else model(name))
    test.text_input(key="playground_hf").set_value(typed).run()
    test.button(key="playground_load").click().run()
    assert not test.exception
    assert any("Install it: pip install it" in one.value and asked in one.value for one in test.text)


def test_only_who_has_the_key_may_name_a_folder(app: App) -> None:
    page = app("playground")
    assert [one.key for one in page.text_input] == ["server_key"]
    page.text_input(key="server_key").set_value("0" * 12).run()
    assert any("not the key" in one.value for one in page.error)
    assert [one.key for one in page.text_input] == ["server_key"]
    assert "playground_hf" in [one.key for one in unlocked(page).text_input]


def test_a_model_that_does_not_suit_the_page_leaves_it_as_it_was(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    page = unlocked(app("playground"))
    page.text_input(key="playground_hf").set_value("timm:captions").run()
    model, other = sources.resources.model, SimpleNamespace(card=SimpleNamespace(task="caption"))
    monkeypatch.setattr(sources.resources, "model", lambda name: other if name == "timm:captions" else model(name))
    page.button(key="playground_load").click().run()
    assert not page.exception
    assert any("want a model that looks at pictures or reads texts" in one.value for one in page.text)
    assert not page.session_state["playground_other_model"] if "playground_other_model" in page.session_state else True
    assert len(page.get("plotly_chart")) == 1


def test_the_trust_card_scores_a_photograph_on_the_chosen_outline(app: App) -> None:
    page = app("playground", panel="trust", picture="coffee", model="scene-vit")
    menu = next(box for box in page.selectbox if box.label == "Outline")
    assert menu.options == ["cup and saucer", "cup", "coffee", "saucer", "spoon"]

    def card() -> str:
        return next(text.value for text in page.markdown if "| parity residual |" in text.value)

    assert "| weight on: cup and saucer |" in card()
    menu.select("spoon")
    page.run()
    assert not page.exception
    line = next(one for one in card().splitlines() if one.startswith("| weight on: spoon |"))
    record = va.load("scene-vit").attend("coffee", half=True)
    layer = record.maps[9].single[:, 0].mean(axis=0)[1:].reshape(14, 14)
    spoon = photograph("coffee").outlines["spoon"].mask()
    inside = float(coverage(layer, spoon, record.geometry))
    assert f"| {inside:.1%} |" in line
    assert f"chance {float(covered(spoon, (14, 14), record.geometry).mean()):.1%}" in line
    for control in ("centre prior", "colour contrast"):
        assert control in line


def test_a_texture_has_no_outline_to_choose(app: App) -> None:
    page = app("playground", panel="trust", picture="gravel")
    assert not [box for box in page.selectbox if box.label == "Outline"]
    assert any("| against the truth | unknown |" in text.value for text in page.markdown)


def test_what_is_known_of_a_model_is_said_where_it_is_scored(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    known = tuple(replace(one, caution="It was taught masks.") for one in cards.CARDS)
    monkeypatch.setattr(cards, "CARDS", known)
    page = app("playground", panel="trust", picture="cat", layer="2")
    assert any("It was taught masks." in text.value for text in page.markdown)


def test_the_outline_of_a_photograph_is_drawn_and_the_command_draws_it_too(app: App) -> None:
    page = app("playground", panel="code", picture="coffee", model="photo-dino")
    toggle = page.toggle(key="outlined")
    assert toggle.label == "Show the outline: cup and saucer"
    assert not any("--outline" in one.value for one in page.code)
    toggle.set_value(True).run()
    assert not page.exception
    assert any("--outline 'cup and saucer'" in one.value for one in page.code)


@pytest.mark.parametrize("name", ["rollout", "relevance"])
def test_methods_through_depth_play_layer_by_layer(app: App, name: str) -> None:
    test = app("playground", picture="scene-24", method=name)
    test.toggle(key="film").set_value(True).run()
    assert not test.exception
    assert not test.error
    films = [json.loads(one.proto.spec) for one in test.get("plotly_chart")]
    assert [len(one["frames"]) for one in films if one.get("frames")] == [12]
