"""Which numbers a drawing shows, against the definitions; and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from visualizer.method import Map, NothingCapturedError
from vit_attention.cli.drawings import View, drawings
from vit_attention.cli.errors import ChoiceError
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction
from vit_attention.records.geometry import Geometry

GRID = Axis.patches(2, 3, ("class",))
WORDS = Axis.text(("a", "red", "ring"))
REGIONS = Axis("regions", boxes=np.array([[0.0, 0, 2, 4], [1, 0, 4, 4], [0, 0, 4, 1]]))


def rows(shape: tuple[int, ...], seed: int) -> Any:
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1]).astype(np.float32)


def record(layers: int = 3, heads: int = 2, axis: Axis = GRID, **more: Any) -> AttentionRecord:
    weights = [rows((heads, len(axis), len(axis)), n) for n in range(layers)]
    maps = tuple(AttentionMap(w, f"block.{n}", n, "self", axis, axis) for n, w in enumerate(weights))
    return AttentionRecord(maps, Geometry.of(6, 4), **more)


def captioned() -> AttentionRecord:
    count = len(REGIONS)
    refiner = tuple(AttentionMap(rows((2, count, count), n), f"r.{n}", n, "self", REGIONS, REGIONS) for n in range(2))
    decoder = AttentionMap(rows((2, 3, count), 9), "core", 2, "cross", WORDS, REGIONS)
    return AttentionRecord((*refiner, decoder), Geometry.of(4, 4))


def test_every_layer_is_drawn_with_its_number_and_name() -> None:
    made = record()
    found = drawings(made, View())
    assert [(one.number, one.name, one.part) for one in found] == [
        (0, "block.0", ""),
        (1, "block.1", ""),
        (2, "block.2", ""),
    ]
    for one, layer in zip(found, made.layers, strict=True):
        np.testing.assert_allclose(
            one.map.values.ravel(), [sum(h[0, k] for h in layer) / 2 for k in range(1, 7)], rtol=1e-6
        )
        np.testing.assert_array_equal(one.map.weights, layer[None])


def test_one_head_of_one_layer_asked_by_a_patch() -> None:
    made = record()
    (one,) = drawings(made, View(layer=(1,), head=(1,), query=("1,2",)))
    np.testing.assert_array_equal(one.map.values, made.layers[1][1, 6, 1:].reshape(2, 3))
    assert one.map.patches == (5,)
    assert one.map.words == "layer 2, head 2, asked by the patch in row 2, column 3"


def test_without_averaging_every_head_is_drawn() -> None:
    found = drawings(record(), View(layer=(0,), avg_heads=False))
    assert [one.part for one in found] == ["head_0", "head_1"]


def test_a_head_is_drawn_alone_even_if_averaging_was_asked_for() -> None:
    made = record()
    (one,) = drawings(made, View(layer=(0,), head=(1,), avg_heads=True))
    np.testing.assert_array_equal(one.map.values.ravel(), made.layers[0][1, 0, 1:])


def test_rollout_is_the_product_up_to_the_layer_asked_for() -> None:
    made = record()
    product = np.eye(7)
    for layer in made.layers[:2]:
        product = (0.2 * np.eye(7) + 0.8 * layer.astype(np.float64).mean(axis=0)) @ product
    for query, wanted in ((("0,1",), product[2]), (("0,1", "1,1"), (product[2] + product[5]) / 2)):
        (one,) = drawings(made, View(method="rollout", layer=(1,), knobs={"residual": 0.2}, query=query))
        np.testing.assert_allclose(one.map.row, wanted, atol=1e-6)
    assert one.map.words.startswith("rollout from layer 1 up to layer 2, mean of heads, residual share 0.2, discard 0%")


def test_mean_of_layers_and_fusion() -> None:
    made = record()
    (one,) = drawings(made, View(method="mean-of-layers", knobs={"start_layer": 1}, head=(0,)))
    np.testing.assert_allclose(one.map.row, (made.layers[1][0, 0] + made.layers[2][0, 0]) / 2, rtol=1e-6)
    (top,) = drawings(made, View(method="fused", knobs={"head_fusion": "max"}, layer=(2,)))
    np.testing.assert_allclose(top.map.row, np.maximum(made.layers[2][0, 0], made.layers[2][1, 0]))


def test_relevance_follows_the_rule() -> None:
    made = record()
    slopes = [
        np.random.default_rng(n).normal(size=layer.shape).astype(np.float32) for n, layer in enumerate(made.layers)
    ]
    maps = tuple(replace(one, gradient=slope) for one, slope in zip(made.maps, slopes, strict=True))
    said = Prediction(("cat", "dog"), np.zeros(2, np.float32), target=1)
    relevance = np.eye(7)
    for layer, slope in zip(made.layers, slopes, strict=True):
        relevance = relevance + np.maximum(layer * slope, 0).mean(axis=0) @ relevance
    (one,) = drawings(replace(made, maps=maps, prediction=said), View(method="relevance"))
    np.testing.assert_allclose(one.map.row, relevance[0], rtol=1e-4)
    assert "for the class dog, asked by the class token" in one.map.words


def test_a_caption_is_drawn_region_by_region() -> None:
    made = captioned()
    found = drawings(made, View())
    assert [(one.number, one.name) for one in found] == [(0, "r.0"), (1, "r.1"), (2, "core")]
    assert "asked by the mean of all 3 regions" in found[0].map.words
    (word,) = drawings(made, View(query=("ring",)))
    assert word.map.words == 'layer 3, mean of all heads, asked by token 3, "ring"'
    np.testing.assert_allclose(word.map.row, made.maps[2].weights[:, 2].mean(axis=0), rtol=1e-6)


def test_words_ask_where_words_are() -> None:
    made = captioned()
    assert [one.part for one in drawings(made, View(query=("each",)))] == ["query_0", "query_1", "query_2"]
    assert len(drawings(made, View(query=("2",)))) == 3
    # Another picture may say the word: this one alone fails.
    with pytest.raises(ValueError, match="what was said: a red ring"):
        drawings(made, View(query=("blue",)))
    with pytest.raises(ChoiceError, match="words ask in layer 2 alone, and regions in layer 1"):
        drawings(made, View(query=("ring",), layer=(1,)))


def test_every_word_of_a_field_counts_the_same() -> None:
    written = Axis.text(("<s_nm>", "▁ic", "ed", "▁tea", "</s_nm>", "<s_cnt>", "▁nm", "</s_cnt>"))
    cells = Axis.patches(2, 3)
    weights = [rows((2, len(written), 6), seed) for seed in (3, 4)]
    maps = tuple(AttentionMap(w, f"d.{n}", n, "cross", written, cells) for n, w in enumerate(weights))
    made = AttentionRecord(maps, Geometry.of(6, 4))
    wanted = [(w[:, 1] + w[:, 2]) / 4 + w[:, 3] / 2 for w in weights]
    for number, one in enumerate(drawings(made, View(query=("field:nm",)))):
        np.testing.assert_allclose(one.map.row, wanted[number].mean(axis=0), rtol=1e-6)
        assert one.map.words.endswith("asked by the field nm")
    (one,) = drawings(made, View(query=("field:nm",), head=(1,), layer=(0,)))
    np.testing.assert_allclose(one.map.row, wanted[0][1], rtol=1e-6)
    (one,) = drawings(made, View(query=("field:nm",), method="mean-of-layers"))
    np.testing.assert_allclose(one.map.row, np.mean(wanted, axis=(0, 1)), rtol=1e-6)
    (one,) = drawings(made, View(query=("nm",), layer=(0,)))
    np.testing.assert_allclose(one.map.row, weights[0][:, 6].mean(axis=0), rtol=1e-6)
    with pytest.raises(ValueError, match=r"want a field that was read \(nm, cnt\), got 'total'"):
        drawings(made, View(query=("field:total",)))


def test_where_regions_overlap_the_strongest_counts() -> None:
    values = Map(np.array([0.2, 0.5, 0.3]), REGIONS, "", "", (), 0, Geometry.of(4, 5)).values
    expected = np.full((5, 4), np.nan)
    expected[:4] = [0.2, 0.5, 0.5, 0.5]
    expected[0] = [0.3, 0.5, 0.5, 0.5]
    np.testing.assert_array_equal(values, expected)


def test_regions_without_boxes_are_refused_with_the_next_step() -> None:
    nowhere = Axis("regions", boxes=np.full((3, 4), np.nan))
    with pytest.raises(ValueError, match=r"want boxes .* in an array called boxes"):
        assert Map(np.ones(3), nowhere, "", "", (), 0, Geometry.of(4, 4)).values.size


@pytest.mark.parametrize(
    ("view", "why"),
    [
        (View(layer=(3,)), "--layer: want numbers of 0 to 2, got 3"),
        (View(head=(2,)), "--head: want numbers of 0 to 1, got 2"),
        (View(method="rollout", layer=(0, 1)), "want one --layer"),
        (View(method="relevance"), "names none"),
        (View(method="occlusion", layer=(1,)), "--layer: occlusion goes through all layers"),
        (View(method="relevance", query=("3,3",)), "--query: relevance tells what the class token used"),
        (View(method="rollout", head=(1,)), "--head: rollout takes all heads"),
        (View(method="fused", head=(1,)), "--head: fused takes all heads"),
    ],
)
def test_what_a_record_does_not_have_is_told(view: View, why: str) -> None:
    with pytest.raises(ChoiceError, match=why):
        drawings(record(), view)


def test_products_of_parts_are_refused() -> None:
    made = record()
    part = replace(made.maps[0], weights=made.maps[0].weights[:, :2], queries=(0, 4))
    kept = replace(made, maps=(part,))
    with pytest.raises(ChoiceError, match="wants all heads and queries"):
        drawings(kept, View(method="rollout"))
    with pytest.raises(ChoiceError, match=r"kept the rows \[0, 4\] alone, got 2"):
        drawings(kept, View(query=("2",)))
    (one,) = drawings(kept, View(query=("4",)))
    np.testing.assert_allclose(one.map.row, part.weights[:, 1].mean(axis=0))


def test_a_record_without_what_a_method_reads_fails_alone() -> None:
    """Other bundles of the same command may have it, so that this is no fault of the command."""
    made = record()
    for view, why in (
        (View(method="likeness", query=("0,0",)), "--method likeness: this record has no hidden: .* Here: --bundle"),
        (View(method="painted", query=("0,0",)), "--method painted: .* got one without. Here: --bundle"),
    ):
        with pytest.raises(ValueError, match=why) as told:
            drawings(made, view)
        assert not isinstance(told.value, ChoiceError)


def test_only_what_shows_weights_is_called_after_its_block() -> None:
    made, hidden = record(), np.random.default_rng(0).normal(size=(4, 7, 5)).astype(np.float32)
    tokens = len(made.maps[0].query)
    signals = {"hidden": np.resize(hidden, (4, tokens, 5)), "painted": np.ones((4, tokens))}
    full = replace(made, signals=signals, settings={"runs": {"painted": {"patch": [0, 1]}}})
    called = {
        name: drawings(full, View(method=name, query=("0,1",), layer=(1,)))[0].name
        for name in ("raw", "fused", "likeness", "painted", "rollout")
    }
    with pytest.raises(
        ValueError, match=r"--method painted: want a record made with .* the same knobs\. Here: --bundle"
    ):
        drawings(full, View(method="painted", query=("0,0",), layer=(1,)))  # painted over at another patch
    block = made.maps[1].name
    assert called == {"raw": block, "fused": block, "likeness": "likeness", "painted": "painted", "rollout": "rollout"}


def test_no_attention_maps_captured() -> None:
    over_text = AttentionRecord((AttentionMap(rows((1, 3, 3), 0), "t", 0, "self", WORDS, WORDS),))
    for made, why in ((over_text, "run over text"), (AttentionRecord(()), "this record is empty")):
        with pytest.raises(NothingCapturedError, match=f"^No attention maps captured: .*{why}"):
            drawings(made, View())
    windows = AttentionRecord(tuple(replace(one, kind="window") for one in record().maps))
    with pytest.raises(NothingCapturedError, match=r"kind window alone\. Add --kind window"):
        drawings(windows, View())
    with pytest.raises(NothingCapturedError, match="maps of kind self alone"):
        drawings(record(), View(kind="cross"))
