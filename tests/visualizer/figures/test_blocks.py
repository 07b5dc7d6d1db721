from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import plotly.graph_objects as go
import pytest

from visualizer.figures.blocks import VIT_B_16, Sizes, block_diagram, blocks

Sent = Callable[[go.Figure], dict[str, Any]]
SMALL = Sizes("<b>small</b>", (112, 112), (8, 8), 144, 432, 12, 12, 12, 2_567_388)


def boxes(out: dict[str, Any]) -> list[tuple[float, ...]]:
    """(left, top, right, bottom) of the filled rectangles."""
    paths = [one["path"] for one in out["layout"]["shapes"] if one.get("fillcolor")]
    return [tuple(float(v) for v in p[1:-1].replace("H", ",").replace("V", ",").split(",")[:4]) for p in paths]


@pytest.mark.parametrize("vertical", [False, True])
def test_thirteen_blocks_stand_apart_and_each_answers_a_click(sent: Sent, vertical: bool) -> None:
    out = sent(block_diagram(SMALL, vertical=vertical))
    found = boxes(out)
    assert len(found) == 13
    for a, b in combinations(found, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    chooser = out["data"][0]
    assert list(chooser["customdata"]) == list(range(13))
    for x, y, (left, top, right, bottom) in zip(chooser["x"], chooser["y"], found, strict=True):
        assert left < x < right
        assert top < y < bottom
    across, down = out["layout"]["xaxis"]["range"], out["layout"]["yaxis"]["range"]
    assert all(across[0] <= box[0] and box[2] <= across[1] and down[1] <= box[1] and box[3] <= down[0] for box in found)
    assert {one["font"]["size"] for one in out["layout"]["annotations"] if one.get("font")} == {12}


def test_both_sublayers_are_named_with_the_shapes_of_both_models(sent: Sent) -> None:
    texts = [one["text"] for one in sent(block_diagram(SMALL))["layout"]["annotations"]]
    names = [text.split("<br>")[0] for text in texts]
    assert names.count("<b>LayerNorm</b>") == names.count("<b>add</b>") == 2
    assert "<b>multi-head self-attention</b><br>12 maps 197 × 197<br>ViT-B/16: 12 maps 197 × 197" in texts
    assert "<b>MLP</b><br>144 → 432 → 144<br>ViT-B/16: 768 → 3072 → 768" in texts
    assert "<b>patches</b><br>196 × 192<br>ViT-B/16: 196 × 768" in texts
    assert any("2.6 M parameters; ViT-B/16: 86.6 M parameters" in text.replace("<br>", " ") for text in texts)
    assert not any("<b>small" in text for text in texts)


def test_a_phone_gets_one_column_and_a_model_may_stand_alone(sent: Sent) -> None:
    tall = sent(block_diagram(SMALL, vertical=True))
    assert len({box[0] for box in boxes(tall)}) == 1
    assert "<b>head</b><br>144 → 12 | 768 → 1000" in [one["text"] for one in tall["layout"]["annotations"]]
    alone = [one["text"] for one in sent(block_diagram(SMALL, None))["layout"]["annotations"]]
    assert "<b>head</b><br>144 → 12" in alone
    assert not any("ViT-B/16" in text for text in alone)


def test_a_model_without_classes_has_no_head() -> None:
    assert [block.shape for block in blocks(replace(VIT_B_16, classes=0))[-2:]] == ["none", "768 numbers"]


def test_the_class_tokens_way_is_marked_and_the_chosen_block_outlined(sent: Sent) -> None:
    out = sent(block_diagram(SMALL, chosen=5))
    shapes = out["layout"]["shapes"]
    assert [one["line"]["width"] for one in shapes if one["line"]["color"] == "#d55e00"] == [3, 2.5]
    with pytest.raises(ValueError, match="chosen: want 0 to 12, got 13"):
        block_diagram(SMALL, chosen=13)
