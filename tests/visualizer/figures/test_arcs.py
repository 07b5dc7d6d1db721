from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from tests.visualizer.texts import HEBREW, by_hand, text_record
from visualizer import arcs, by_words
from visualizer.figures.arcs import EDGE, MOST, THICK, THIN
from vit_attention.records import Axis

Sent = Callable[[go.Figure], dict[str, Any]]


def lines(out: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in out["data"] if one["mode"] == "lines"]


def ends(line: dict[str, Any]) -> tuple[bool, float, float]:
    """Whether it is on the left, and its two rows."""
    return bool(line["x"].mean() < 0), round(float(line["y"][0]), 3), round(float(line["y"][-1]), 3)


def test_the_left_is_what_it_reads_and_the_right_what_reads_it(sent: Sent) -> None:
    out = sent(arcs(text_record(by_hand()), "not", 1, 0))
    drawn = {ends(line): line["line"]["width"] for line in lines(out)}
    # On the left 4 -> 3 and 4 -> 4, on the right 0 -> 4 and, once more, 4 -> 4.
    assert drawn.keys() == {(True, 4, 3), (True, 4, 4), (False, 4, 0), (False, 4, 4)}
    for key, share in (((True, 4, 3), 0.6), ((False, 4, 0), 0.9), ((True, 4, 4), 0.4)):
        np.testing.assert_allclose(drawn[key], THIN + (THICK - THIN) * share / 0.9, rtol=1e-5)
    assert all(np.abs(line["x"]).min() >= EDGE - 1e-6 and np.abs(line["x"]).max() <= 1 for line in lines(out))
    caption = out["layout"]["annotations"][-1]["text"].replace("<br>", " ")
    assert "the widest 0.9" in caption
    assert "drawn: shares above 0.167, an even share" in caption
    assert "2 of 6 keys (together 1.00), 2 of 6 queries (together 1.30)" in caption
    assert out["layout"]["title"]["text"] == 'layer 2, head 1: token 5, "not"'


def test_hovering_says_all_and_a_click_reports_the_token(sent: Sent) -> None:
    names, chooser = [one for one in sent(arcs(text_record(by_hand()), 4, 1, 0))["data"] if one["mode"] != "lines"]
    assert names["text"] == ["[CLS]", "un", "happy", "is", "<b>not</b>", "[SEP]"]
    assert chooser["text"][0] == "token 1, [CLS]: is read with 0; reads it with 0.9"
    assert chooser["text"][3] == "token 4, is: is read with 0.6; reads it with 0"
    assert chooser["customdata"].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_threshold_a_limit_and_special_tokens_are_choices(sent: Sent) -> None:
    record = text_record(by_hand())
    out = sent(arcs(record, "not", 1, 0, least=0.5))
    assert {ends(line) for line in lines(out)} == {(True, 4, 3), (False, 4, 0)}
    assert "shares above 0.5<br>" in out["layout"]["annotations"][-1]["text"]
    assert len(lines(sent(arcs(record, "not", 1, 0, most=1)))) == 2
    out = sent(arcs(record, "not", 1, 0, special=False))
    assert {ends(line) for line in lines(out)} == {(True, 3, 2), (True, 3, 3), (False, 3, 3)}
    assert "special tokens are left out, so that rows sum" in out["layout"]["annotations"][-1]["text"].replace(
        "<br>", " "
    )
    words = sent(arcs(by_words(record), "not", 1, 0))
    assert {ends(line) for line in lines(words)} == {(True, 3, 2), (True, 3, 3), (False, 3, 0), (False, 3, 3)}


def test_long_texts_stay_small_and_their_names_apart(
    sent: Sent, size: Callable[[go.Figure], int], rng: np.random.Generator
) -> None:
    axis = Axis.text([f"w{n}" for n in range(512)], (), range(512))
    record = text_record(rng.dirichlet(np.ones(512), (1, 1, 512)), axis)
    fig = arcs(record, 200)
    assert size(fig) < 110_000
    out = sent(fig)
    assert len(lines(out)) <= 2 * MOST
    names = next(one for one in out["data"] if one["mode"] == "text")
    high = out["layout"]["height"] - 150
    assert np.diff(names["y"]).min() * high / 512 >= 12
    assert 200 in names["y"]
    assert len(out["data"][-1]["text"]) == 512


def test_labels_are_no_markup_and_never_split(sent: Sent) -> None:
    labels = ("<b>x</b>", "👩‍🚀" * 8, "e\u0301" * 20)
    record = text_record(np.full((1, 1, 3, 3), 1 / 3), Axis.text(labels, (), (0, 1, 2)))
    names = next(one for one in sent(arcs(record, 2))["data"] if one["mode"] == "text")["text"]
    assert names[0] == "&lt;b&gt;x&lt;/b&gt;"
    assert names[1].removesuffix("…").replace("👩‍🚀", "") == ""
    assert names[2].removeprefix("<b>").split("…")[0].replace("e\u0301", "") == ""


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"token": 6}, "query: want a number from 0 to 5, a word of the text"),
        ({"token": "dog"}, "query: want a number from 0 to 5"),
        ({"token": 0, "layer": 2}, "layer: want numbers of 0 to 1, got 2"),
        ({"token": 0, "head": 2}, "head: want numbers of 0 to 1, got 2"),
        ({"token": 0, "least": 2}, "least, most: want a share from 0 to 1"),
        ({"token": "mean"}, "token: want one token, got the mean of all"),
    ],
)
def test_what_is_not_there_is_told(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        arcs(text_record(by_hand()), **asked)


def test_a_record_of_a_picture_has_no_arcs() -> None:
    axis = Axis.patches(1, 2)
    with pytest.raises(ValueError, match="layer: want one in which the tokens of a text look at each other"):
        arcs(text_record(np.full((1, 1, 2, 2), 0.5), axis, ""), 0)


def test_hebrew_is_read_from_top_to_bottom(sent: Sent) -> None:
    record = text_record(np.full((1, 1, 5, 5), 0.2), HEBREW)
    names = next(one for one in sent(arcs(record, "עולם"))["data"] if one["mode"] == "text")
    assert names["text"] == ["[CLS]", "שלום", "ים", "<b>עולם</b>", "[SEP]"]
