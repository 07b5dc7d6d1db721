from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visualizer import film, methods
from visualizer.export.film import layer_maps
from visualizer.method import Map
from visualizer.style import letters, theme
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction, Run
from vit_attention.records.record import encode_picture

GREY = Image.new("RGB", (64, 64), (120, 120, 120))


def looking_at(key: int) -> np.ndarray:
    out = np.zeros((2, 5, 5), np.float32)
    out[:, :, key] = 1
    return out


@pytest.fixture
def record() -> AttentionRecord:
    axis = Axis.patches(2, 2, ("class",))
    maps = tuple(AttentionMap(looking_at(n + 1), f"block {n}", n, "self", axis, axis) for n in range(3))
    return AttentionRecord(maps, picture=encode_picture(GREY), model="tiny")


def frames(path: Path) -> list[np.ndarray]:
    with Image.open(path) as film:
        out = []
        for n in range(film.n_frames):  # type: ignore[attr-defined]
            film.seek(n)
            out.append(np.asarray(film.convert("RGB")).astype(int))
        return out


def hottest(frame: np.ndarray) -> int:
    last = theme.table("Cividis")[255].astype(int)
    middles = [frame[y, x] for y in (16, 48) for x in (16, 48)]
    return int(np.argmin([np.abs(one - last).sum() for one in middles]))


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_every_layer_is_a_frame(record: AttentionRecord, tmp_path: Path, kind: str) -> None:
    out = film(record, tmp_path / f"a.{kind}", width=64, alpha=1, duration=120)
    assert [hottest(frame) for frame in frames(out)] == [0, 1, 2]
    with Image.open(out) as opened:
        opened.seek(0)
        opened.load()  # WebP knows the duration of a frame that it has decoded
        assert (opened.info["loop"], opened.info["duration"]) == (0, 120)


def test_rollout_stops_at_each_layer(record: AttentionRecord, tmp_path: Path) -> None:
    # All tokens of layer n read token n + 1 alone; without a residual the first layer decides what all later ones show.
    out = film(record, tmp_path / "a.gif", "rollout", residual=0, width=64, alpha=1)
    assert [hottest(frame) for frame in frames(out)] == [0, 0, 0]
    assert len(frames(film(record, tmp_path / "b.gif", "rollout-so-far", start_layer=1, width=64))) == 2
    with zipfile.ZipFile(film(record, tmp_path / "a.zip", query=(1, 1), head=1, width=64)) as archive:
        assert archive.namelist() == ["layer-01.png", "layer-02.png", "layer-03.png"]


@pytest.mark.parametrize(
    ("name", "asked", "message"),
    [
        ("a.mp4", {}, "a.mp4: want a name that ends in .gif, .webp, .zip, got '.mp4'. Write a .gif"),
        ("a.gif", {"method": "occlusion"}, "method: want one that can stop at a layer: raw.*got 'occlusion'"),
        ("a.gif", {"start": 3}, "start: want a layer of 0 to 2, got 3"),
        ("a.gif", {"end": -1}, "end: want a layer of 0 to 2, got -1"),
        ("a.gif", {"start": 2, "end": 1}, "start: want a layer up to the end, 1, got 2"),
        ("a.gif", {"method": "rollout", "start_layer": 2, "end": 1}, "start_layer: want a whole number from 0 to 1"),
        ("a.gif", {"method": "none"}, "method: want"),
        ("a.gif", {"duration": -1}, "duration: want a number from 20 to 60000, got -1"),
        ("a.gif", {"width": 1e9}, "width: want"),
        ("a.gif", {"width": True}, "width: want"),
        ("a.gif", {"alpha": float("nan")}, "alpha: want"),
        ("a.gif", {"layer": 1}, "layer: every layer gets a picture: leave it out, or give start= and end=, got 1"),
        ("a.gif", {"method": "rollout", "start_layer": 3}, "start_layer: want a whole number from 0 to 2, got 3"),
        ("a.gif", {"residual": 1}, "residual: raw has no such knob"),
        ("a.gif", {"query": (9, 9)}, "query: want"),
    ],
)
def test_what_makes_no_film_is_refused(
    record: AttentionRecord, tmp_path: Path, name: str, asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        film(record, tmp_path / name, **asked)
    assert not list(tmp_path.iterdir())


def test_start_and_end_choose_the_frames(record: AttentionRecord, tmp_path: Path) -> None:
    out = film(record, tmp_path / "a.gif", start=1, end=2, width=64, alpha=1)
    assert [hottest(frame) for frame in frames(out)] == [1, 2]
    # The product still begins at the first layer.
    rolled = film(record, tmp_path / "b.gif", "rollout", start=2, residual=0, width=64, alpha=1)
    assert [hottest(frame) for frame in frames(rolled)] == [0]
    with zipfile.ZipFile(film(record, tmp_path / "a.zip", start=1, width=64)) as archive:
        assert archive.namelist() == ["layer-02.png", "layer-03.png"]


def rich() -> AttentionRecord:
    """Three layers with everything that methods read."""
    rng, axis = np.random.default_rng(3), Axis.patches(2, 2, ("class",))
    maps = tuple(
        replace(
            AttentionMap(rng.dirichlet(np.ones(5), (2, 5)).astype(np.float32), f"block {n}", n, "self", axis, axis),
            gradient=rng.normal(size=(2, 5, 5)).astype(np.float32),
        )
        for n in range(3)
    )
    runs = [Run.of("painted", patch=(0, 1)), Run.of("naive"), Run.of("value"), Run.of("value-value", depth=6)]
    runs += [Run.of("legrad", pool="head"), Run.of("decision-flow", effects="positive"), Run.of("logit-lens")]
    return AttentionRecord(
        maps,
        picture=encode_picture(GREY),
        prediction=Prediction(("cat", "dog"), np.array([1, 2], np.float32), target=1),
        norms=rng.uniform(1, 2, (3, 5)).astype(np.float32),
        signals={
            "hidden": rng.normal(size=(4, 5, 6)),
            "value-grams": np.broadcast_to(np.eye(2), (3, 5, 2, 2)),
            "painted": rng.uniform(size=(4, 5)),
            **{name: rng.uniform(-1, 1, (3, 3, 6)) for name in ("naive", "value", "value-value")},
            **{name: rng.normal(size=(3, 5)) for name in ("legrad", "decision-flow")},
            "logit-lens": rng.integers(0, 2, (4, 5, 5)).astype(np.float64),
        },
        settings={"runs": {run.name: run.plain() for run in runs}, "labels": ["cat", "dog"]},
    )


@pytest.mark.parametrize(
    "name", [name for name, one in methods().items() if one.layers != "all" and one.asked_by != "label"]
)
def test_every_method_with_layers_has_a_film(tmp_path: Path, name: str) -> None:
    asked = {"query": (0, 1)} if methods()[name].asked_by in ("any", "patch", "patches") else {}
    assert len(frames(film(rich(), tmp_path / "a.gif", name, width=64, **asked))) == 3


def test_a_method_of_ones_own_has_a_film(record: AttentionRecord, tmp_path: Path) -> None:
    assert len(frames(film(record, tmp_path / "a.gif", replace(methods()["raw"], name="mine"), width=64))) == 3


def text_record(labels: tuple[str, ...]) -> AttentionRecord:
    """Every token of layer n looks at token n alone."""
    axis = Axis.text(labels, (), tuple(range(len(labels))))
    maps = []
    for n in range(len(labels)):
        weights = np.zeros((1, len(labels), len(labels)), np.float32)
        weights[..., n] = 1
        maps.append(AttentionMap(weights, f"layer.{n}", n, "self", axis, axis))
    return AttentionRecord(tuple(maps), text=" ".join(labels))


def brightest(frame: np.ndarray, places: list[tuple[int, int]]) -> int:
    last = theme.table("Cividis")[255].astype(int)
    return int(np.argmin([np.abs(frame[y, x] - last).sum() for x, y in places]))


@pytest.mark.parametrize("kind", ["gif", "webp", "zip"])
def test_a_film_of_a_text_colours_its_tokens(tmp_path: Path, kind: str) -> None:
    out = film(text_record(("mm", "mm", "mm")), tmp_path / f"a.{kind}", width=200)
    if kind == "zip":
        with zipfile.ZipFile(out) as archive:
            assert archive.namelist() == [f"layer-0{n}.png" for n in (1, 2, 3)]
        return
    shown = frames(out)
    # The upper left corner of each ground; three equal tokens stand side by side.
    wide = round(letters.length("mm", 14)) + 6
    places = [(8 + n * (wide + 4) + 1, 9) for n in range(3)]
    assert [brightest(frame, places) for frame in shown] == [0, 1, 2]


@pytest.mark.skipif(not letters.SHAPED, reason="Pillow without raqm writes Hebrew as numbers")
def test_tokens_of_hebrew_stand_from_right_to_left(tmp_path: Path) -> None:
    shown = frames(film(text_record(("שלום", "שלום", "שלום")), tmp_path / "a.webp", width=200))
    wide = round(letters.length("שלום", 14)) + 6
    places = [(200 - 8 - n * (wide + 4) - 2, 9) for n in range(3)]
    assert [brightest(frame, places) for frame in shown] == [0, 1, 2]


def test_long_texts_and_strange_signs_make_a_film(tmp_path: Path) -> None:
    labels = ("日本", "👩‍🚀", "<b>x</b>", "e\u0301", "x" * 500, *(f"w{n}" for n in range(250)))
    axis = Axis.text(labels, ("[CLS]",))
    weights = np.full((1, 256, 256), 1 / 256, np.float32)
    maps = tuple(AttentionMap(weights, f"layer.{n}", n, "self", axis, axis) for n in range(2))
    out = film(AttentionRecord(maps), tmp_path / "a.gif", "rollout", query="w3")
    assert len(frames(out)) == 2


def test_words_and_special_tokens_of_a_text_are_choices(tmp_path: Path) -> None:
    """ "mm" of two pieces holds the sum of their shares; special tokens leave without a trace."""
    axis = Axis.text(("m", "##m", "mm"), ("[CLS]",), (-1, 0, 0, 1))
    weights = np.array([[[0.5, 0.15, 0.15, 0.2]] * 4], np.float32)
    made = AttentionRecord((AttentionMap(weights, "layer.0", 0, "self", axis, axis),), text="mm mm")
    (found,) = layer_maps(made, "raw")
    assert found.over([(1, 2), (3,)]).tolist() == pytest.approx([0.3, 0.2])
    shown = frames(film(made, tmp_path / "a.webp", width=200, words=True, special=False))[0]
    wide = round(letters.length("mm", 14)) + 6
    assert brightest(shown, [(9, 9), (9 + wide + 4, 9)]) == 0
    assert (shown[9, 9 + 2 * (wide + 4) :] > 250).all()  # nothing but paper after two words
    film(made, tmp_path / "b.gif", special=False)
    with pytest.raises(ValueError, match="words: want a map over a text whose words are known, got one over text"):
        film(replace(made, maps=(no_words(made),)), tmp_path / "c.gif", words=True)


def no_words(made: AttentionRecord) -> AttentionMap:
    axis = Axis.text(("m", "##m", "mm"), ("[CLS]",))
    return replace(made.maps[0], query=axis, key=axis)


def test_what_does_not_add_up_is_averaged_over_words() -> None:
    axis = Axis.text(("a", "##b"), (), (0, 0))
    one = Map(np.array([2.0, 4.0]), axis, "length", "", (), 0)
    assert one.over([(0, 1)]).tolist() == [3.0]
    assert replace(one, unit="relevance").over([(0, 1)]).tolist() == [6.0]


def test_the_class_token_does_not_outshine_the_words_that_it_used(tmp_path: Path) -> None:
    axis = Axis.text(("mm", "mm"), ("[CLS]",), (-1, 0, 1))
    weights = np.full((1, 3, 3), 1 / 3, np.float32)
    slope = np.zeros((1, 3, 3), np.float32)
    slope[0, 0, 2] = 1
    one = AttentionMap(weights, "layer.0", 0, "self", axis, axis, gradient=slope)
    said = Prediction(("bad", "good"), np.array([0, 1], np.float32), target=1)
    made = AttentionRecord((one,), text="mm mm", prediction=said)
    shown = frames(film(made, tmp_path / "a.webp", "relevance", width=200))[0]
    wide = round(letters.length("mm", 14)) + 6
    assert brightest(shown, [(9, 9), (9 + wide + 4, 9)]) == 1  # 1 / 3 is the largest but for the class token's own 1
    film(made, tmp_path / "b.webp", "relevance", special=True)
