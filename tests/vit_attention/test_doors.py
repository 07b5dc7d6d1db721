"""The short ways of a record, on records made by hand and on the bundled models."""

from __future__ import annotations

import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vit_attention as va
from visualizer import STATISTICS, entropy, methods
from visualizer.measures.summary import head_statistic
from vit_attention.doors import DoorError
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Geometry, Prediction, encode_picture


@cache
def scene() -> AttentionRecord:
    return va.load("scene-vit").attend("scene-7")


@cache
def reading() -> AttentionRecord:
    return va.load("receipt-donut").attend("receipt-3-3", beams=1)


@cache
def caption() -> AttentionRecord:
    return va.load("scene-aoanet").attend("scene-6-2-50")


def text_record(labels: tuple[str, ...] = ("a", "bird", "<script>"), **more: Any) -> AttentionRecord:
    axis = Axis.text(labels)
    weights = np.full((2, len(labels), len(labels)), 1 / len(labels), np.float32)
    return AttentionRecord((AttentionMap(weights, "layer.0", 0, "self", axis, axis),), **more)


def cropped(turn: int = 0) -> AttentionRecord:
    """A picture 60 x 40 of which the model saw the middle 32 x 32 after a resize; four patches, one head."""
    axis = Axis.patches(2, 2, ("class",))
    weights = np.full((1, 5, 5), 0.2, np.float32)
    weights[0, 0] = [0.1, 0.1, 0.2, 0.4, 0.2]
    geometry = Geometry.of(60, 40).resize(48, 32).crop(8, 0, 32, 32).turn(turn)
    picture = encode_picture(Image.new("RGB", (60, 40), "white"))
    return AttentionRecord((AttentionMap(weights, "block", 0, "self", axis, axis),), geometry, picture=picture)


ALL = {"scene": scene, "reading": reading, "caption": caption, "text": text_record, "none": lambda: AttentionRecord(())}


@pytest.mark.parametrize("name", ALL)
def test_repr_is_one_short_line(name: str) -> None:
    said = repr(ALL[name]())
    assert "\n" not in said
    assert len(said) < 200


def test_repr_says_what_matters() -> None:
    assert repr(scene()).startswith("<AttentionRecord: scene-vit: 12 self maps of 12 heads; picture 224 x 224; ring ")
    assert repr(scene()).endswith("22.4 MB>")


def test_hostile_names_neither_drive_a_terminal_nor_fill_it() -> None:
    said = Prediction(labels=("\x1b[2J" + "x" * 10_000,), scores=np.zeros(1, np.float32))
    line = repr(text_record(model="a\nb\r\u202e" * 500, prediction=said))
    assert line.isprintable()
    assert len(line) < 250


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("name", ALL)
def test_html_is_one_small_block_without_script_or_request(name: str) -> None:
    page = ALL[name]()._repr_html_()
    assert len(page) < 200_000
    seen = Tags()
    seen.feed(page)
    assert {tag for tag, _ in seen.found} <= {"div", "img", "span", "code", "b", "i", "ul", "li"}
    assert all((about.get("src") or "data:").startswith("data:image/") for tag, about in seen.found if tag == "img")
    assert sum(tag == "img" for tag, _ in seen.found) == {"scene": 2, "reading": 2, "caption": 2}.get(name, 0)


def test_html_escapes_labels_texts_notes_and_tokens() -> None:
    evil = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
    said = Prediction(labels=(evil,), scores=np.zeros(1, np.float32))
    settings = {"notes": [evil]}
    for made in (
        text_record((evil, "b"), model=evil, prediction=said, settings=settings),
        text_record((evil, "b"), prediction=Prediction(text=evil), settings=settings),
    ):
        seen = Tags()
        seen.feed(made._repr_html_())
        assert {tag for tag, _ in seen.found} <= {"div", "span", "code", "b", "ul", "li"}
        assert not any(key.startswith("on") for _, about in seen.found for key in about)


def sentence() -> AttentionRecord:
    """[CLS] un ##happy: [CLS] looks at "un" in the first layer and at "happy" in the second."""
    axis = Axis.text(("un", "##happy"), ("[CLS]",), (-1, 0, 0))
    weights = np.full((2, 1, 3, 3), 1 / 3, np.float32)
    weights[0, 0, 0], weights[1, 0, 0] = [0.25, 0.75, 0], [0, 0.25, 0.75]
    maps = tuple(AttentionMap(one, f"layer.{n}", n, "self", axis, axis) for n, one in enumerate(weights))
    return AttentionRecord(maps, text="Unhappy <b>")


def test_a_text_that_went_in_is_told_and_coloured() -> None:
    made = sentence()
    assert 'text "Unhappy <b>"' in repr(made)
    page = made._repr_html_()
    assert "<div>Unhappy &lt;b&gt;</div>" in page
    assert ">happy</span>" in page  # without the tokenizer's mark


def test_short_ways_of_a_text() -> None:
    made = sentence()
    shown = made.show()
    assert shown.data[0].x.tolist() == [0, 0.25, 0.75]
    assert shown.layout.yaxis.ticktext == ("[CLS]", "un", "happy")
    steps = made.show(step="layers")
    assert [frame.data[0].x.tolist() for frame in steps.frames] == [[0.25, 0.75, 0], [0, 0.25, 0.75]]
    assert made.heatmap(query="class").tolist() == [0.25, 0.75]
    assert made.table("raw", by=("layer",))["token"].tolist() == [1, 2, 1, 2]  # as queries are numbered


@pytest.mark.parametrize("kind", [".png", ".svg", ".pdf"])
def test_a_figure_of_a_text_is_bars(tmp_path: Path, kind: str) -> None:
    out = sentence().save_figure(tmp_path / f"a{kind}", title="<b> & so on", dpi=100)
    head = out.read_bytes()[:5]
    assert head.startswith({".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF-"}[kind])
    if kind == ".svg":
        assert "&lt;b&gt; &amp; so on" in out.read_text("utf-8")
    if kind == ".png":
        drawn = np.asarray(Image.open(out).convert("RGB")).astype(int)
        blue = (np.abs(drawn - [0, 114, 178]).max(axis=-1) < 20).sum(axis=1)
        lengths = blue[blue > 0]
        # "un" is a third as long as "happy" below it; [CLS] has no bar.
        assert lengths[-1] / lengths[0] == pytest.approx(3, rel=0.03)
        assert drawn.shape[1] == 325


def test_html_names_the_three_likeliest() -> None:
    page = scene()._repr_html_()
    assert all(label in page for label, _ in scene().prediction.top(3))
    assert re.search(r"layer 12, mean of all heads", page)


def test_html_without_a_picture_draws_the_grid() -> None:
    bare = AttentionRecord(cropped().maps)
    assert "data:image/png;base64," in bare._repr_html_()


def test_original_size_puts_every_number_on_the_pixels_of_its_patch() -> None:
    found = cropped().heatmap(size="original")
    assert found.shape == (40, 60)
    # 8 of 48 pixels were cut off on each side: 10 of 60 of the original.
    assert np.isnan(found[:, :10]).all()
    assert np.isnan(found[:, 50:]).all()
    assert (found[:20, 10:30] == np.float32(0.1)).all()
    assert (found[:20, 30:50] == np.float32(0.2)).all()
    assert (found[20:, 10:30] == np.float32(0.4)).all()


def test_a_turned_input_is_turned_back() -> None:
    upright, turned = cropped().heatmap(size="original"), cropped(1).heatmap(size="original")
    grid = np.rot90(cropped().heatmap(), -1)  # the model saw the picture turned: its grid lies turned on the original
    assert turned[10, 20] == grid[0, 0]
    assert turned[30, 40] == grid[1, 1]
    assert np.isnan(turned).sum() == np.isnan(upright).sum()


def test_sizes_of_a_heatmap() -> None:
    grid = scene().heatmap(layer=9, head=3, query=(6, 8))
    assert np.array_equal(grid, scene().maps[9].weights[3, 1 + 6 * 14 + 8, 1:].reshape(14, 14))
    assert np.array_equal(scene().heatmap(9, 3, (6, 8), size="input"), np.kron(grid, np.ones((8, 8), np.float32)))
    assert np.array_equal(scene().heatmap(9, 3, (6, 8), size="original"), np.kron(grid, np.ones((16, 16), np.float32)))


def test_bicubic_agrees_with_pillow_on_the_grid_and_keeps_the_rim() -> None:
    grid = scene().heatmap(layer=9)
    smooth = scene().heatmap(layer=9, size="original", resample="bicubic")
    resized = np.asarray(Image.fromarray(grid).resize((224, 224), Image.Resampling.BICUBIC))
    assert np.allclose(smooth, resized, atol=1e-6)
    assert np.isnan(cropped().heatmap(size="original", resample="bicubic")[:, :10]).all()


def test_methods_and_their_knobs_are_passed_on() -> None:
    knobs = {"residual": 0.9, "head_fusion": "max"}
    whole = methods()["rollout"](scene(), query=(6, 8), **knobs).values
    assert np.allclose(scene().heatmap(query=(6, 8), method="rollout", **knobs), whole)
    regions = caption().maps[2].weights[:, 1].mean(axis=0).reshape(caption().maps[2].key.grid)
    assert np.allclose(caption().heatmap(query=1, kind="cross"), regions)
    assert text_record().heatmap().tolist() == pytest.approx([1 / 3] * 3)


def test_show_draws_what_the_method_gives() -> None:
    fig = scene().show(layer=9, head=3, query=(6, 8))
    assert np.allclose(np.asarray(fig.data[0].z, float), scene().heatmap(9, 3, (6, 8)), atol=1e-7)
    assert len(fig.layout.images) == 1
    assert reading().show(layer=1, query=2).layout.images
    assert caption().show(query="star").data
    assert text_record().show().data[0].type == "bar"
    assert AttentionRecord(cropped().maps).show().data


def test_layers_heads_and_both_are_stepped_through() -> None:
    layers, heads, both = (scene().show(step=step) for step in ("layers", "heads", "both"))
    assert [len(fig.frames) for fig in (layers, heads, both)] == [12, 12, 144]
    assert [one["label"] for one in layers.layout.sliders[0].steps][:2] == ["layer 1", "layer 2"]
    assert both.layout.sliders[0].steps[13].label == "layer 2, head 2"
    assert len(scene().show(head=3, step="layers").frames) == 12
    assert len(scene().show(step="layers", method="rollout-so-far", start_layer=9).frames) == 3
    with pytest.raises(DoorError, match="layer=None"):
        scene().show(layer=3, step="layers")
    assert len(text_record().show(step="heads").frames) == 2


def test_an_overlay_has_the_size_of_the_picture_that_was_given() -> None:
    laid = cropped().overlay(alpha=1.0, cmap="greys")
    assert laid.size == (60, 40)
    pixels = np.asarray(laid)
    assert (pixels[30, 20] == 0).all()  # the strongest patch, black in this map
    assert (pixels[:, 5] == pixels[0, 5]).all()
    assert scene().overlay(9, 3).size == (224, 224)
    sharp = Image.effect_noise((60, 40), 50).convert("RGB")
    assert (
        np.abs(
            np.asarray(cropped().overlay(alpha=0.0, picture=sharp))[:, 12:48].astype(int) - np.asarray(sharp)[:, 12:48]
        ).max()
        <= 1
    )


@pytest.mark.parametrize("end", ["png", "svg", "pdf"])
def test_figures_for_a_paper(end: str, tmp_path: Path) -> None:
    file = scene().save_figure(tmp_path / f"map.{end}", 9, 3, query=(6, 8), dpi=100, title=True)
    assert file.read_bytes()[:5] in (b"\x89PNG\r", b"<?xml", b"%PDF-")
    if end == "png":
        bare = scene().save_figure(tmp_path / "bare.png", method="rollout", dpi=100, width=2, scale=False)
        assert Image.open(bare).size == (200, 200)
        assert Image.open(file).height > 325
    if end == "svg":
        assert "asked by the patch in row 7, column 9" in re.sub(r"\s+", " ", file.read_text("utf-8"))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda r: r.heatmap(size="huge"), "size: want one of 'grid', 'input', 'original', got 'huge'"),
        (lambda r: r.heatmap(method="rolout"), "method: want one of 'raw'"),
        (lambda r: r.heatmap(layer=12), "layer: want numbers of 0 to 11, got 12"),
        (lambda r: r.heatmap(resample="lanczos"), "resample"),
        (lambda r: r.show(step="rows"), "step"),
        (lambda r: r.show(cmap="turbo"), "cmap"),
        (lambda r: r.overlay(alpha=2), "alpha"),
        (lambda r: r.overlay(method="relevance"), "no gradients"),
        (lambda r: r.table("sharpness"), "numbers: want a function of weights, one of entropy"),
        (lambda r: r.table("entropy", by=["row"]), "by: want some of picture, layer, head"),
        (lambda r: r.table(None), "numbers: want a function of weights"),
        (lambda r: r.table("entropy", by=None), "by: want some of"),
        (lambda r: r.table(lambda weights: "x"), "want one number a head"),
        (lambda r: r.show(alpha="x"), "alpha: want a number from 0 to 1, got 'x'"),
        (lambda r: r.show(height=0), "height: want a number"),
        (lambda r: r.show(scale="loud"), "scale: want one of raw"),
        (lambda r: r.show(head=True), "head: want a whole number, 0 first, got True"),
        (
            lambda r: r.show(step="layers", method="rollout-so-far", start_layer=12),
            "start_layer: want .* 0 to 11, got 12",
        ),
        (lambda r: r.save_figure(None), "path: want a file's path, got None"),
        (lambda r: r.overlay(picture="cat.png"), "image: want a picture of Pillow's"),
        (lambda r: text_record().image, "record: want one with a picture"),
        (lambda r: reading().table("distance"), "distance: want maps in which patches of a picture look at patches"),
        (lambda r: text_record().heatmap(size="original"), "places of a picture"),
        (lambda r: text_record().overlay(), "places of a picture|no picture"),
    ],
)
def test_what_a_record_cannot_give_is_told_in_a_sentence(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        call(scene())
    assert type(caught.value).__module__.startswith(("vit_attention", "visualizer"))


def test_a_table_has_the_number_of_every_head() -> None:
    found = scene().table("entropy")
    by_hand = entropy(np.stack(scene().layers)).mean(axis=-1)
    assert np.allclose(found.pivot(index="layer", columns="head", values="entropy").to_numpy(), by_hand)
    assert np.allclose(scene().table(entropy).entropy, found.entropy)
    assert scene().table(lambda weights: weights.max(axis=(1, 2))).shape == (144, 3)


@pytest.mark.parametrize("name", STATISTICS)
def test_every_statistic_is_as_pages_have_it(name: str) -> None:
    found = scene().table(name)
    column = name.replace(" ", "_")
    assert np.allclose(found[column], head_statistic(scene().layers, name, (14, 14), 1, 8).ravel())


def test_a_table_by_layer_holds_means_over_heads() -> None:
    found = scene().table(["entropy", "relative_entropy"], by=["layer"])
    assert list(found.columns) == ["layer", "entropy", "relative_entropy"]
    assert np.allclose(found.entropy, scene().table("entropy").groupby("layer").entropy.mean())


def test_the_table_of_a_method_has_a_row_for_every_patch() -> None:
    found = scene().table("rollout")
    assert list(found.columns) == ["layer", "row", "column", "rollout"]
    assert np.allclose(found.rollout.to_numpy().reshape(14, 14), methods()["rollout"](scene()).values)
    raw = scene().table("raw")
    at = raw[(raw["layer"] == 9) & (raw["head"] == 3)].raw.to_numpy().reshape(14, 14)
    assert np.allclose(at, scene().heatmap(9, 3))


def test_arrow_holds_the_same_and_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    assert scene().arrow("entropy").to_pydict() == scene().table("entropy").to_dict("list")
    for name, call in (("pandas", scene().table), ("pyarrow", scene().arrow)):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ValueError, match=f"pip install {name}"):
            call("entropy")
