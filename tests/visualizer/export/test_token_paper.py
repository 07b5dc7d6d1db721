from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visualizer.export.token_paper import save_bars, save_matrix
from visualizer.style.theme import table
from vit_attention.gate import GateError

NAMES = ["[CLS]", "not", "good", "[SEP]"]


def colours(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def cells(path: Path, low: tuple[int, ...], high: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Where a picture has the first and the last colour of the map, left of the colour bar."""
    pixels = colours(path)[:, : int(0.75 * colours(path).shape[1])]
    return (pixels == low).all(axis=-1), (pixels == high).all(axis=-1)


def test_queries_go_down_and_keys_across_the_higher_the_brighter(tmp_path: Path) -> None:
    weights = np.zeros((4, 4))
    weights[1, 3] = 0.9
    path = save_matrix(weights, NAMES, NAMES, tmp_path / "a.png", title="layer 1, head 1")
    first, last = (tuple(int(part) for part in table("Cividis")[n]) for n in (0, -1))
    low, high = cells(path, first, last)
    rows, columns = np.nonzero(low | high)
    top, left = rows.min(), columns.min()
    side = (rows.max() - top + 1, columns.max() - left + 1)
    down, across = np.nonzero(high)
    assert int(4 * (down.mean() - top) / side[0]) == 1
    assert int(4 * (across.mean() - left) / side[1]) == 3
    assert sum(last) > sum(first)
    assert high.sum() == pytest.approx(low.sum() / 15, rel=0.1)


def test_texts_of_a_figure_are_all_there(tmp_path: Path) -> None:
    names = ["[CLS]", "<b>x</b>", "$a_b$", "שלום"]
    svg = save_matrix(np.eye(4), names, names, tmp_path / "a.svg", title="layer 1, head 2\nnot good").read_text("utf-8")
    for said in ("layer 1, head 2", "not good", "query token (reads)", "key token (is read)", "share of attention"):
        assert said in svg
    assert svg.count("&lt;b&gt;x&lt;/b&gt;</text>") == 2
    assert svg.count("$a_b$</text>") == 2
    bars = save_bars([0.5, -0.25, np.nan, 1], names, tmp_path / "b.svg", title="rollout", unit="share").read_text(
        "utf-8"
    )
    assert all(said in bars for said in ("rollout", "share", "[CLS]"))


def test_letters_that_the_typeface_lacks_are_told(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="printed as their numbers"):
        save_matrix([[1.0]], ["図"], ["図"], tmp_path / "a.png")
    assert save_matrix([[1.0]], ["図"], ["図"], tmp_path / "a.svg").exists()


@pytest.mark.parametrize("count", [1, 512, 1500])
def test_many_tokens_thin_their_names_and_stay_within_a_page(count: int, tmp_path: Path) -> None:
    names = [f"t{n}" for n in range(count)]
    path = save_matrix(np.eye(count, dtype=np.float32), names, names, tmp_path / "a.svg", dpi=72)
    svg = path.read_text("utf-8")
    assert svg.count(">t") <= 120
    assert ("mean of 2 x 2 weights" in svg) is (count > 800)
    with Image.open(save_bars(np.ones(count), names, tmp_path / "b.png", dpi=72)) as image:
        assert max(image.size) < 72 * 20


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((np.eye(3), NAMES, NAMES), r"\(4, 4\)"),
        ((np.full((4, 4), np.inf), NAMES, NAMES), "finite"),
        (("abc", NAMES, NAMES), "weights"),
    ],
)
def test_what_does_not_fit_is_refused(given: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(GateError, match=said):
        save_matrix(*given, tmp_path / "a.png")
    with pytest.raises(GateError, match=r"\.png, \.svg, \.pdf"):
        save_matrix(np.eye(4), NAMES, NAMES, tmp_path / "a.jpg")
    with pytest.raises(GateError, match="one for each of 4 tokens"):
        save_bars([1, 2], NAMES, tmp_path / "a.png")
    assert not [*tmp_path.iterdir()]
