from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

import vit_attention as va
from tests.visualizer.texts import HEBREW, by_hand, text_record
from visualizer import token_atlas, token_matrix
from visualizer.figures.mosaic import CELLS
from vit_attention.records import AttentionMap, AttentionRecord, Axis

Sent = Callable[[go.Figure], dict[str, Any]]


def caption(out: dict[str, Any]) -> str:
    return out["layout"]["annotations"][-1]["text"].replace("<br>", " ")


def test_rows_ask_and_columns_are_looked_at(sent: Sent) -> None:
    out = sent(token_matrix(text_record(by_hand()), 1, 0))
    np.testing.assert_allclose(out["data"][0]["z"], by_hand()[1, 0], rtol=1e-6)
    across, down = out["layout"]["xaxis"], out["layout"]["yaxis"]
    assert (across["title"]["text"], down["title"]["text"]) == ("key token (is read)", "query token (reads)")
    assert across["ticktext"] == down["ticktext"] == ["[CLS]", "un", "happy", "is", "not", "[SEP]"]
    assert across["labelalias"]["4"] == "5 not"  # what hovering says
    assert across["range"] == [-0.5, 5.5]
    assert out["layout"]["title"]["text"] == "layer 2, head 1"
    assert "share of attention" in caption(out)


def test_special_tokens_are_left_out_and_said(sent: Sent) -> None:
    out = sent(token_matrix(text_record(by_hand()), 1, 0, special=False))
    np.testing.assert_allclose(out["data"][0]["z"], by_hand()[1, 0, 1:5, 1:5], rtol=1e-6)
    assert out["layout"]["yaxis"]["ticktext"] == ["un", "happy", "is", "not"]
    assert "special tokens are left out, so that rows sum to less than 1" in caption(out)
    alone = Axis.text(("[SEP]",), ("[CLS]",), (-1, -1))
    with pytest.raises(ValueError, match="special: want a text with a token that is no special one"):
        token_matrix(text_record(np.full((1, 1, 2, 2), 0.5), alone), special=False)


def test_the_keys_of_hebrew_run_from_right_to_left(sent: Sent) -> None:
    weights = np.zeros((1, 1, 5, 5))
    weights[..., 1] = 1
    out = sent(token_matrix(text_record(weights, HEBREW)))
    assert out["layout"]["xaxis"]["range"] == [4.5, -0.5]
    assert out["layout"]["yaxis"]["range"] == [4.5, -0.5]
    assert "written from right to left, and so are the keys" in caption(out)
    atlas = sent(token_atlas(text_record(weights, HEBREW)))
    assert (atlas["data"][0]["z"][:, 3] == 254).all()  # the second token from the right
    assert "written from right to left" in caption(atlas)


def test_512_tokens_are_named_by_hovering(sent: Sent, size: Callable[[go.Figure], int]) -> None:
    axis = Axis.text([f"w{n}" for n in range(511)], ("[CLS]",), (-1, *range(511)))
    weights = np.zeros((1, 1, 512, 512), np.float32)
    weights[0, 0, :, 7] = 1
    fig = token_matrix(text_record(weights, axis))
    assert size(fig) < 150_000
    out = sent(fig)
    assert len(out["layout"]["xaxis"]["ticktext"]) <= 37
    trace, alias = out["data"][0], out["layout"]["xaxis"]["labelalias"]
    middle = trace["x0"] + 3 * trace["dx"]  # tokens 7 and 8, counted from 1
    assert alias[f"{middle:g}"] == "7 to 8 w5 w6"
    assert trace["z"][0, 3] == 254
    assert "mean of 2 x 2" in caption(out)


def test_the_atlas_of_a_text_is_one_picture(sent: Sent) -> None:
    fig = token_atlas(text_record(by_hand()), chosen=(1, 0), scale="shared")
    heat, chooser = sent(fig)["data"]
    assert heat["z"].shape == (12, 12)
    # Layer 2, head 1 lies in the lower left; its row of "not" is the fifth.
    assert heat["z"][6 + 4].tolist() == [0, 0, 0, round(254 * 0.6), round(254 * 0.4), 0] + [0] * 5 + [254]
    assert chooser["text"][2] == 'layer 2, head 1: at most 1, from "un" to "[SEP]"'
    assert chooser["customdata"][2] == [1, 0]
    assert "rows: query tokens; columns: key tokens" in caption(sent(fig))


def test_the_atlas_of_512_tokens_is_of_means_and_small(sent: Sent, size: Callable[[go.Figure], int]) -> None:
    axis = Axis.text([f"w{n}" for n in range(512)], (), range(512))
    weights = np.zeros((3, 12, 512, 512), np.float32)
    weights[..., 511] = 1
    fig = token_atlas(text_record(weights, axis))
    assert size(fig) < 75_000
    out = sent(fig)
    assert out["data"][0]["z"].size <= CELLS
    assert "each cell drawn is the mean of 19 x 19 weights" in caption(out)  # 36 maps of 27 x 27 cells
    assert "patches" not in caption(out)
    assert '"w511"' in out["data"][1]["text"][0]


def test_heads_that_were_kept_stand_under_their_numbers(sent: Sent) -> None:
    record = text_record(by_hand()[1:])
    one = replace(record.maps[0], weights=record.maps[0].weights[:1], heads=(1,))
    chooser = sent(token_atlas(replace(record, maps=(one,))))["data"][1]
    assert chooser["text"][0] == "layer 1, head 1: not kept"
    assert chooser["text"][1].startswith('layer 1, head 2: at most 1, from "un" to "[SEP]"')


def test_maps_over_something_else_are_refused() -> None:
    text, boxes = Axis.text(("a", "b")), Axis.patches(1, 2)
    cross = AttentionMap(np.full((1, 2, 2), 0.5, np.float32), "c", 0, "cross", text, boxes)
    for draw in (token_matrix, token_atlas):
        with pytest.raises(ValueError, match="got one where text look at patches"):
            draw(AttentionRecord((cross,)))


def test_every_token_has_a_line_where_the_figure_may_scroll() -> None:
    record = va.load("review-encoder").attend("a " * 300)
    fig = token_matrix(record, 0, height=None)
    assert np.asarray(fig.data[0].z).shape == (302, 302)
    assert list(fig.data[1].text) == ["[CLS]", *"a" * 300, "[SEP]"]
    assert list(fig.data[1].y) == list(range(302))
    assert fig.layout.xaxis.range[0] < fig.data[1].x[0] < 0
    assert fig.layout.height >= 302 * 13
    assert fig.layout.yaxis.scaleanchor is None
    assert len(fig.layout.xaxis.ticktext) < 40
    assert token_matrix(record, 0).layout.height == 460
