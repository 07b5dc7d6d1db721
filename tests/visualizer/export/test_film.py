from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visualizer import film
from visualizer.style import theme
from vit_attention.records import AttentionMap, AttentionRecord, Axis
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
        ("a.gif", {"method": "relevance"}, "method: want one that can stop at a layer: raw.*got 'relevance'"),
        ("a.gif", {"method": "none"}, "method: want"),
        ("a.gif", {"duration": -1}, "duration: want a number from 20 to 60000, got -1"),
        ("a.gif", {"width": 1e9}, "width: want"),
        ("a.gif", {"width": True}, "width: want"),
        ("a.gif", {"alpha": float("nan")}, "alpha: want"),
        ("a.gif", {"layer": 1}, "layer: every layer gets a picture: leave it out, got 1"),
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


def test_maps_over_text_make_no_film(tmp_path: Path) -> None:
    axis = Axis.text(("a", "b"))
    one = AttentionMap(np.full((1, 2, 2), 0.5, np.float32), "a", 0, "self", axis, axis)
    with pytest.raises(ValueError, match="all of this record run over text"):
        film(AttentionRecord((one,)), tmp_path / "a.gif")
