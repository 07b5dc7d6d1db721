from __future__ import annotations

import warnings
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from PIL import Image

from visualizer.export.paper import save
from visualizer.method.base import Map
from vit_attention.gate import GateError
from vit_attention.records import Axis
from vit_attention.records.geometry import Geometry

GREY = Image.new("RGB", (40, 20), (120, 120, 120))
HOT = np.array([[0.0, 0.5], [0.25, 1.0]])
SVG = "{http://www.w3.org/2000/svg}"
YELLOW, BLUE = (253, 231, 55), (0, 34, 78)  # the ends of matplotlib's cividis, within a shade


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def near(colour: Any, other: Any) -> bool:
    return bool(np.abs(np.asarray(colour) - np.asarray(other)).max() <= 20)


@pytest.mark.parametrize(("width", "dpi", "size"), [(3.25, 300, (975, 488)), (1, 72, (72, 36)), (7, 123.4, (864, 432))])
def test_the_bare_heat_fills_the_image_to_its_edges(
    tmp_path: Path, width: float, dpi: float, size: tuple[int, int]
) -> None:
    out = save(HOT, GREY, tmp_path / "a.png", width=width, dpi=dpi, scale=False, alpha=1)
    assert Image.open(out).size == size
    assert Image.open(out).info["dpi"] == pytest.approx((dpi, dpi), rel=1e-3)
    drawn = pixels(out)
    assert near(drawn[[-1, size[1] // 2 + 1], [-1, size[0] // 2 + 1]], YELLOW)  # the last patch, from edge to middle
    assert near(drawn[[0, size[1] // 2 - 2], [0, size[0] // 2 - 2]], BLUE)
    assert (pixels(save(HOT, GREY, tmp_path / "b.png", scale=False, alpha=0)) == 120).all()


def test_scale_and_title_add_room_and_leave_the_picture_as_it_is(tmp_path: Path) -> None:
    bare = pixels(save(HOT, GREY, tmp_path / "a.png", dpi=100, scale=False))
    full = pixels(save(HOT, GREY, tmp_path / "b.png", dpi=100, title="One line"))
    assert full.shape[0] > bare.shape[0] + 40
    assert full.shape[1] == bare.shape[1]
    starts = [n for n in range(len(full) - len(bare) + 1) if (full[n : n + len(bare)] == bare).all()]
    assert len(starts) == 1
    assert (full[: starts[0]] < 60).any()  # ink over the picture
    assert (full[starts[0] + len(bare) :] < 60).any()  # and under it
    assert (full[:, [0, -1]][: starts[0]] == 255).all()


def test_words_of_an_svg_are_text_whatever_stands_in_them(tmp_path: Path) -> None:
    title = "$x^2$ <b>&amp; 図 \x00\ud800 שלום"
    root = ET.parse(save(HOT, GREY, tmp_path / "a.svg", title=title, unit="share & more")).getroot()
    assert root.get("width") == "234pt"
    said = [one.text for one in root.iter(f"{SVG}text")]
    assert "share & more" in said
    assert any(text and text.startswith("$x^2$ <b>&amp; 図") and "שלום" in text for text in said)
    assert {"0", "0.5", "1"} <= set(said)


def test_a_pdf_carries_its_typeface_as_text_and_has_the_asked_width(tmp_path: Path) -> None:
    data = save(HOT, GREY, tmp_path / "a.pdf", title="Title").read_bytes()
    assert data.startswith(b"%PDF")
    assert b"/FontFile2" in data
    assert b"/Type3" not in data
    assert b"/MediaBox [ 0 0 234 " in data
    assert b"Date" not in data


def test_letters_without_a_glyph_are_told(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="a.png: .*printed as their numbers"):
        first = save(HOT, GREY, tmp_path / "a.png", title="図").read_bytes()
    with pytest.warns(UserWarning, match="printed as their numbers"):
        assert save(HOT, GREY, tmp_path / "b.png", title="像").read_bytes() != first
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(HOT, GREY, tmp_path / "c.svg", title="図")
        save(HOT, GREY, tmp_path / "d.png", title="Ünï Привет")


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_figure_is_the_same_file_whatever_matplotlib_is_set_to(tmp_path: Path, kind: str) -> None:
    def made(name: str) -> bytes:
        return save(HOT, GREY, tmp_path / f"{name}.{kind}", title="a", dpi=60, query=[3]).read_bytes()

    first = made("a")
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        assert made("b") == first
        assert dict(matplotlib.rcParams) == before
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(made, "cdef")) == {first}


def test_zero_is_the_middle_of_signed_values(tmp_path: Path) -> None:
    values = np.array([[-0.1, 0.0], [0.05, 0.4]])
    drawn = pixels(save(values, GREY, tmp_path / "a.png", dpi=40, scale=False, alpha=1))
    white = np.array((247, 247, 247))  # the middle of ColorBrewer's PuOr
    assert near(drawn[2, -2], white)
    assert not near(drawn[-2, -2], white)
    root = ET.parse(save(values, GREY, tmp_path / "a.svg", unit="raw score")).getroot()
    assert {"-0.4", "0", "+0.4"} <= {one.text for one in root.iter(f"{SVG}text")}


def test_a_map_says_its_unit_its_place_and_who_asks(tmp_path: Path) -> None:
    axis = Axis.patches(2, 2)
    where = Geometry.of(40, 20).crop(10, 0, 20, 20)
    one = Map(np.array([0, 0, 0, 1.0]), axis, "cosine similarity", "words", (3,), 0, where, signed=True)
    root = ET.parse(save(one, GREY, tmp_path / "a.svg")).getroot()
    said = {text.text for text in root.iter(f"{SVG}text")}
    assert {"cosine similarity", "-1", "+1"} <= said
    drawn = pixels(save(one, GREY, tmp_path / "a.png", dpi=40, scale=False, alpha=1, query=()))
    assert near(drawn[-2, [1, -2]], (120, 120, 120)) or (drawn[-2, 1] == drawn[-2, -2]).all()  # never seen: no heat
    assert not (drawn == pixels(save(one, GREY, tmp_path / "b.png", dpi=40, scale=False, alpha=1))).all()


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("a.jpg", {}, "a.jpg: want a name that ends in .png, .svg, .pdf, got '.jpg'"),
        ("a", {}, "got ''"),
        ("a.png", {"dpi": float("nan")}, "dpi: want a number from 10 to 2400, got nan"),
        ("a.png", {"width": 0}, "width: want"),
        ("a.png", {"width": "wide"}, "width: want"),
        ("a.png", {"alpha": 2}, "alpha: want"),
        ("a.png", {"query": "x"}, "query: want patch numbers from 0 to"),
        ("a.png", {"query": [99]}, "query: want patch numbers from 0 to"),
        ("a.png", {"together": [[1e308]], "mode": "zz"}, "scale: want one of raw"),
        ("a.png", {"width": 40, "dpi": 2400}, "figure: want at most 25,000,000 pixels"),
    ],
)
def test_what_makes_no_figure_is_refused_in_a_sentence(
    tmp_path: Path, name: str, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(GateError, match=message.replace("(", r"\(")):
        save(HOT, GREY, tmp_path / name, **more)
    assert not list(tmp_path.iterdir())
