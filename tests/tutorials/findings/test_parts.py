"""Heads scored on outlines: on maps whose right scores can be read off, and on the photographs."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import vit_attention as va
from tests.tutorials.findings.hand import context, everywhere
from tutorials.findings import parts
from visualizer import outline_mask, score_against
from vit_attention.records import AttentionMap, AttentionRecord, Axis
from vit_attention.records.geometry import Geometry
from worlds.photographs import photograph


def record(*rows: list[float]) -> AttentionRecord:
    """One layer; the class token of each head reads 2 x 2 patches in these shares."""
    axis = Axis.patches(2, 2, ("class",))
    heads = np.stack([everywhere([0.5, *row]) for row in rows]).astype(np.float32)
    return AttentionRecord((AttentionMap(heads, "block", 0, "self", axis, axis),), Geometry.of(40, 40))


def test_an_own_box_is_scored_like_a_sample_outline() -> None:
    own = parts.scored(
        record([4, 0, 0, 0], [1, 1, 1, 1]), Image.new("RGB", (40, 40)), outline_mask((0, 0, 20, 10), (40, 40))
    )
    # The box covers half of the first patch.
    assert own.inside == pytest.approx(np.array([[0.5, 0.125]]))
    assert own.hits.tolist() == [[True, True]]  # of equal patches the first
    assert own.controls["chance"] == pytest.approx((0.125, 0.25))
    assert own.controls["centre prior"][0] == pytest.approx(0.125)
    with pytest.raises(ValueError, match="mask: want the shape of the picture"):
        parts.scored(record([4, 0, 0, 0]), Image.new("RGB", (40, 40)), np.ones((10, 40), bool))


def test_the_scores_of_a_photograph_are_those_of_one_map_at_a_time() -> None:
    model = va.load("photo-dino")
    cat = photograph("cat")
    seen = model.attend("cat")
    own = parts.scored(seen, cat.open(), cat.outlines["eyes"].mask(), "cat", "eyes", False)
    for layer, head in ((0, 2), (8, 5)):
        one = seen.maps[layer].single[head, 0, 1:].reshape(seen.maps[layer].key.grid)
        ((_, inside, hit, _), uniform, centre, contrast) = score_against(
            one, cat.outlines["eyes"].mask(), cat.open(), seen.geometry
        )
        assert own.inside[layer, head] == pytest.approx(inside, rel=1e-5)
        assert own.hits[layer, head] == bool(hit)
        assert own.controls["chance"] == pytest.approx(uniform[1:3])
        assert own.controls["centre prior"] == pytest.approx(centre[1:3])
        assert own.controls["colour contrast"] == pytest.approx(contrast[1:3])


def measured(inside: list[list[float]], area: float, centre: float = 0.3) -> parts.Measured:
    shares = np.array(inside)
    controls = {"chance": (area, area), "centre prior": (centre, 1.0), "colour contrast": (0.2, 0.0)}
    return parts.Measured("", "", True, shares, shares > 0.6, controls)


def test_the_table_ranks_by_the_geometric_mean_of_times_chance() -> None:
    # Head 2: 4 and 1 times chance, geometric mean 2; head 1: 2.5 times in both.
    table = parts.ranked([measured([[0.25, 0.4]], 0.1), measured([[0.75, 0.3]], 0.3)])
    assert [(one.layer, one.head) for one in table] == [(0, 0), (0, 1)]
    assert [one.times for one in table] == pytest.approx([2.5, 2.0])
    first = table[0]
    assert (first.inside, first.chance, first.centre, first.contrast) == pytest.approx((0.5, 0.2, 0.3, 0.2))
    assert (table[0].hits, table[1].hits, table[0].count) == (1, 0, 2)
    assert len(parts.ranked([measured([[0.2] * 12], 0.1)], most=5)) == 5
    with pytest.raises(ValueError, match="outlines: want at least one, got none"):
        parts.ranked([])


def test_few_photographs_give_numbers_and_no_verdict() -> None:
    many = [measured([[0.6, 0.1]], 0.2) for _ in range(20)]
    now = context([[everywhere([1, 1])]], (1, 1))
    found = parts.fair_head(_with(now, many))
    assert found.answer is True
    assert "above the centre prior on 20 of 20." in found.text
    few = parts.fair_head(_with(now, many[:7]))
    assert few.answer is None
    assert "60% of the weight inside" in few.text
    assert few.text.endswith("7 photographs are too few for a verdict, which needs 20.")
    assert parts.fair_head(_with(now, [measured([[0.2, 0.1]], 0.2) for _ in range(20)])).answer is False
    assert parts.fair_head(_with(now, many[:2])).answer is None


def _with(now, found: list[parts.Measured]):
    return type(now)(now.model, now.picture, now.record, now.chosen, lambda work, *given: found)


def test_all_outlined_photographs_are_scored() -> None:
    found = parts.scores(va.load("scene-vit"))
    assert len(found) == 28
    assert sum(one.main for one in found) == 7
