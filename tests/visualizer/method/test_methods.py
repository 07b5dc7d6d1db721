"""Every method against its definition written out by hand, on records small enough to see through."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from visualizer import components
from visualizer.export.tables import columns
from visualizer.method import Map, QuestionError, methods
from visualizer.method.question import askers, query_texts
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction, Run
from vit_attention.records.geometry import Geometry

AXIS = Axis.patches(2, 3, ("class",))
NAMES = tuple(methods())
LABELED = ("naive", "value", "value-value")
SLOPES = ("input-gradients", "smoothgrad")
PATCH = (1, 0)  # token 4


def record(**more: Any) -> AttentionRecord:
    """Three layers of 2, 3 and 2 heads over a class token and 2 x 3 patches, with every signal there is."""
    rng = np.random.default_rng(0)
    layers = [rng.dirichlet(np.ones(7), size=(heads, 7)).astype(np.float32) for heads in (2, 3, 2)]
    maps = tuple(
        AttentionMap(one, f"block.{n}", n, "self", AXIS, AXIS, gradient=rng.normal(size=one.shape).astype(np.float32))
        for n, one in enumerate(layers)
    )
    signals = {
        "hidden": rng.normal(size=(4, 7, 5)).astype(np.float32),
        "value-grams": np.broadcast_to(np.eye(3, dtype=np.float32), (3, 7, 3, 3)),
        "painted": rng.random((4, 7)),
        **{name: rng.normal(size=(2, 3)).astype(np.float32) for name in ("occlusion", "rise", *SLOPES)},
        "integrated-gradients": (rng.normal(size=(2, 3)).astype(np.float32), np.array([0.5, 2], np.float32)),
        **{name: rng.uniform(-1, 1, (3, 3, 8)).astype(np.float32) for name in LABELED},
    }
    signals |= {name: rng.normal(size=(3, 7)).astype(np.float32) for name in ("legrad", "decision-flow")}
    signals["logit-lens"] = np.abs(rng.normal(size=(4, 5, 7))).astype(np.float32)
    signals["logit-lens"][:, 3] = rng.integers(0, 2, (4, 7))
    runs: dict[str, Any] = {"painted": {"patch": list(PATCH)}, "occlusion": {"fill": "mean", "stride": 1, "window": 1}}
    runs |= {"naive": {}, "value": {}, "value-value": {"depth": 6}}
    signals["grad-cam"], runs["grad-cam"] = rng.random(7), {"above": 0, "at": "norm"}
    for name in ("attnlrp", "cp-lrp"):
        signals[name], runs[name] = rng.normal(size=(4, 7)), {}
    runs |= {name: {} for name in ("rise", "integrated-gradients", *SLOPES)}
    runs |= {"legrad": {"pool": "head"}, "decision-flow": {"effects": "positive"}, "logit-lens": {}}
    said = Prediction(("cat", "dog"), np.array([0.0, 1.0], np.float32), target=1)
    norms = np.linalg.norm(signals["hidden"][1:], axis=-1)
    given = {
        "prediction": said,
        "norms": norms,
        "signals": signals,
        "settings": {"runs": runs, "labels": ["cat", "dog"]},
        **more,
    }
    return AttentionRecord(maps, Geometry.of(48, 32), **given)


def sentence() -> AttentionRecord:
    """A text of three tokens of which each was hidden."""
    words = Axis.text(("a", "red", "ring"), (), (0, 1, 2))
    weights = np.random.default_rng(1).dirichlet(np.ones(3), (2, 3)).astype(np.float32)
    said = Prediction(("bad", "good"), np.array([0.0, 1.0], np.float32), target=1)
    return AttentionRecord(
        (AttentionMap(weights, "t", 0, "self", words, words),),
        prediction=said,
        signals={"masking": np.array([0.5, -1, 2], np.float32)},
        settings={"runs": {"masking": {"hide": "mask", "unit": "word"}}},
        text="a red ring",
    )


def ask(name: str, made: AttentionRecord | None = None, **asked: Any) -> Map:
    """The method's map; a patch asks where a method wants one."""
    who = {"query": PATCH} if methods()[name].asked_by in ("patch", "patches") else {}
    return methods()[name](made or record(), **{**who, **asked})


def product(layers: Any, residual: float, fusion: str, discard: float = 0.0) -> NDArray[Any]:
    """Rollout as in the lesson: alpha times the identity, rows divided by their sums, new layers on the left."""
    alpha, found = residual / (1 - residual), np.eye(7)
    for layer in layers:
        fused = getattr(layer.astype(np.float64), fusion)(axis=0)
        for row in fused:
            row[1 + np.argsort(row[1:], kind="stable")[: int(discard * 6)]] = 0
        fused /= fused.sum(axis=1, keepdims=True)
        found = (fused + alpha * np.eye(7)) / (1 + alpha) @ found
    return found


@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
@pytest.mark.parametrize(("name", "layer", "last"), [("rollout", None, 2), ("rollout", 1, 1), ("rollout-so-far", 1, 1)])
def test_rollout(name: str, layer: int | None, last: int, fusion: str) -> None:
    made = record()
    found = ask(
        name, made, query=(1, 0), layer=layer, head_fusion=fusion, residual=0.2, discard_ratio=0.5, start_layer=1
    )
    wanted = product(made.layers[1 : last + 1], 0.2, fusion, 0.5)[4]
    np.testing.assert_allclose(found.row, wanted, atol=1e-6)
    np.testing.assert_allclose(found.values, wanted[1:].reshape(2, 3), atol=1e-6)
    assert (found.unit, found.layer, found.patches) == ("share of attention", last, (3,))


def test_lengths_are_those_of_the_record() -> None:
    made = record()
    found = ask("lengths", made, layer=1)
    np.testing.assert_array_equal(found.row, np.sqrt((made.signals["hidden"][2] ** 2).sum(axis=-1)))
    assert (found.unit, found.words) == ("length", "length of the tokens after layer 2; outliers: 0")
    for none in ((0, 0), (0, 7)):
        assert methods()["lengths"].unfit(record(norms=np.zeros(none, np.float32))).startswith("needs the lengths")
    pool = AttentionMap(made.maps[2].weights[:, :1], "pool", 3, "cross", Axis.text(("pool",)), AXIS)
    pooled = replace(made, maps=(*made.maps, pool))
    np.testing.assert_array_equal(ask("lengths", pooled).row, made.norms[2])
    with pytest.raises(QuestionError, match="layer: want a number from 0 to 2, after which tokens have lengths, got 3"):
        ask("lengths", pooled, layer=3)


def test_received_leaves_out_what_a_token_gives_itself() -> None:
    made = record()
    for head, square in ((1, made.layers[1][1]), (None, made.layers[1].mean(axis=0))):
        wanted = [7 * np.mean([square[row, key] for row in range(7) if row != key]) for key in range(7)]
        found = ask("received", made, layer=1, head=head)
        np.testing.assert_allclose(found.row, wanted, rtol=1e-5)
        assert found.unit == "times an even share"
    some = replace(made.maps[0], weights=made.maps[0].weights[:, :2], queries=(0, 3), gradient=None)
    with pytest.raises(QuestionError, match="this record kept the rows"):
        ask("received", replace(made, maps=(some,), norms=made.norms[:1]))


def test_several_patches_ask_together() -> None:
    made = record()
    wanted = product(made.layers, 0.5, "mean")[[2, 5]].mean(axis=0)
    found = ask("rollout", made, query=[(0, 1), (1, 1)])
    np.testing.assert_allclose(found.row, wanted, atol=1e-6)
    assert found.words.endswith("asked by 2 patches together")


def test_raw_is_the_models_own_row() -> None:
    made = record()
    np.testing.assert_array_equal(ask("raw", made, layer=1, head=2, query=3).row, made.layers[1][2, 3])
    np.testing.assert_allclose(ask("raw", made).row, made.layers[2][:, 0].mean(axis=0), rtol=1e-6)


def test_mean_of_layers() -> None:
    made = record()
    wanted = (made.layers[1].mean(axis=0)[0] + made.layers[2].mean(axis=0)[0]) / 2
    np.testing.assert_allclose(ask("mean-of-layers", made, layer=2, start_layer=1).row, wanted, atol=1e-6)


def test_heads_of_one_layer() -> None:
    made = record()
    found = ask("fused", made, layer=1, query=5, head_fusion="min")
    np.testing.assert_allclose(found.row, made.layers[1][:, 5].min(axis=0), atol=1e-6)
    assert found.unit == "min weight of any head"


def test_relevance_adds_positive_effects() -> None:
    """Chefer et al. 2021, equations 5 and 6."""
    made, found = record(), np.eye(7)
    for layer, slope in zip(made.layers, made.gradients, strict=True):
        found = found + np.maximum(layer * slope, 0).mean(axis=0) @ found
    np.testing.assert_allclose(ask("relevance", made).row, found[0], rtol=1e-5)
    assert "for the class dog, asked by the class token" in ask("relevance", made).words


def test_gradient_rollout_is_a_rollout_of_weights_times_gradients() -> None:
    """Mean over heads, positive part, (A + I) / 2, rows to 1; each layer with its own gradient."""
    made, found = record(), np.eye(7)
    for layer, slope in zip(made.layers[1:], made.gradients[1:], strict=True):
        step = (np.maximum((layer.astype(float) * slope).mean(axis=0), 0) + np.eye(7)) / 2
        found = step / step.sum(axis=1)[:, None] @ found
    mine = ask("gradient-rollout", made, start_layer=1)
    np.testing.assert_allclose(mine.row, found[0], rtol=1e-5)
    assert np.abs(mine.row - ask("relevance", made, start_layer=1).row).max() > 0.1


def test_likeness_compares_tokens_with_and_without_their_mean() -> None:
    made = record()
    tokens = made.signals["hidden"][2][1:].astype(float)
    for name, each in (("plain-likeness", tokens), ("likeness", tokens - tokens.mean(axis=0))):
        wanted = [one @ each[3] / np.linalg.norm(one) / np.linalg.norm(each[3]) for one in each]
        found = ask(name, made, layer=1)
        np.testing.assert_allclose(found.values.ravel(), wanted, rtol=1e-5)
        assert np.isnan(found.row[0])
        assert found.signed


def test_a_box_of_patches_is_compared_by_the_mean_of_its_features() -> None:
    made = record()
    tokens = made.signals["hidden"][3][1:].astype(float)
    for name, each in (("plain-likeness", tokens), ("likeness", tokens - tokens.mean(axis=0))):
        box = each[[1, 2, 4, 5]].mean(axis=0)
        wanted = [one @ box / np.linalg.norm(one) / np.linalg.norm(box) for one in each]
        found = ask(name, made, query=[(0, 1), (0, 2), (1, 1), (1, 2)])
        np.testing.assert_allclose(found.values.ravel(), wanted, rtol=1e-5)
        assert found.patches == (1, 2, 4, 5)


def test_a_patch_asks_though_its_row_of_attention_was_not_kept() -> None:
    made = record()
    few = replace(made.maps[1], weights=made.maps[1].weights[:, :1], queries=(0,), gradient=None)
    some = replace(made, maps=(few,), settings={"layers": [1], "queries": [0]})
    for name in ("likeness", "plain-likeness", "components"):
        np.testing.assert_array_equal(ask(name, some).row, ask(name, made, layer=1).row)


def principal(tokens: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Projections on the first three components and their shares of the variance, by singular values."""
    from scipy.linalg import svd

    _, sizes, axes = svd(tokens - tokens.mean(axis=0), full_matrices=False)
    axes = axes[:3] * np.array([1 if max(one, key=abs) > 0 else -1 for one in axes[:3]])[:, None]
    return (tokens - tokens.mean(axis=0)) @ axes.T, sizes[:3] ** 2 / (sizes**2).sum()


def test_principal_components_are_those_of_the_patches_alone() -> None:
    made = record()
    wanted, shares = principal(made.signals["hidden"][2][1:].astype(float))
    found = ask("components", made, layer=1)
    np.testing.assert_allclose(found.values.ravel(), wanted[:, 0], atol=1e-6)
    spread = (wanted - wanted.min(axis=0)) / (wanted.max(axis=0) - wanted.min(axis=0))
    np.testing.assert_allclose(found.colours, spread.reshape(2, 3, 3), atol=1e-6)
    assert "explain " + " + ".join(f"{100 * share:.0f} %" for share in shares) + " of the variance" in found.words
    for number in (1, 2, 3):
        one = ask("components", made, layer=1, component=str(number))
        np.testing.assert_allclose(one.values.ravel(), wanted[:, number - 1], atol=1e-6)
        assert (one.colours, one.signed) == (None, True)


def test_pictures_together_share_components_and_colours() -> None:
    made = record()
    wide = Axis.patches(1, 4, ("class",))
    rng = np.random.default_rng(5)
    few = AttentionMap(rng.dirichlet(np.ones(5), (2, 5)).astype(np.float32), "block.2", 2, "self", wide, wide)
    other = AttentionRecord((few,), signals={"hidden": rng.normal(size=(4, 5, 5)).astype(np.float32)})
    both = np.concatenate([one.signals["hidden"][3][1:].astype(float) for one in (made, other)])
    wanted, _ = principal(both)
    spread = (wanted - wanted.min(axis=0)) / (wanted.max(axis=0) - wanted.min(axis=0))
    first, second = components([made, other])
    np.testing.assert_allclose(first.colours, spread[:6].reshape(2, 3, 3), atol=1e-6)
    np.testing.assert_allclose(second.colours, spread[6:].reshape(1, 4, 3), atol=1e-6)
    assert "fitted on 2 pictures together" in first.words
    narrow = replace(made, signals={"hidden": made.signals["hidden"][..., :3]})
    with pytest.raises(ValueError, match="features: want one width in all pictures, got 3 and 5"):
        components([made, narrow])
    with pytest.raises(ValueError, match="records: want at least one, got none"):
        components([])


def test_runs_are_read_as_they_are() -> None:
    made = record()
    np.testing.assert_array_equal(ask("painted", made, layer=0).values.ravel(), made.signals["painted"][1][1:])
    np.testing.assert_array_equal(ask("occlusion", made).values, made.signals["occlusion"])


def test_a_run_made_with_other_knobs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"made with {'fill': 'mean', 'stride': 1, 'window': 1}"):
        ask("occlusion", window=2)
    with pytest.raises(ValueError, match=r"made with {'fill': 'mean', 'stride': 1, 'window': 1}"):
        ask("occlusion", cover="superpixels")  # a knob that came later than the record
    with pytest.raises(ValueError, match=r"want a record made with {'patch': \[0, 2\]}"):
        ask("painted", query=(0, 2))
    assert methods()["occlusion"].needs_for(window=2) - methods()["occlusion"].needs == {
        Run.of("occlusion", cover="window", window=2, stride=1, segments=50, fill="mean")
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_code_shown_makes_the_map(name: str) -> None:
    made, method = sentence() if name == "masking" else record(), methods()[name]
    asked: dict[str, Any] = {"query": [(0, 1), (1, 1)]} if method.asked_by in ("any", "patches") else {}
    asked |= {"layer": 1} if method.layers != "all" else {}
    asked |= {"head": 1} if method.heads else {}
    other = {"head_fusion": "max", "residual": 0.3, "discard_ratio": 0.5, "start_layer": 1, "component": "2"}
    other |= {"class_independent": "remove", "show": "winner", "blocks": "stretched", "read": "winner"}
    asked |= {knob.name: other[knob.name] for knob in method.knobs}
    found = ask(name, made, **asked)
    again = eval(found.code, {"methods": methods, "record": made})  # the code is ours
    np.testing.assert_array_equal(again.row, found.row)


@pytest.mark.parametrize("name", NAMES)
def test_every_method_says_what_it_is(name: str) -> None:
    method = methods()[name]
    assert method.meaning.endswith(".")
    assert all(knob.help.endswith(".") and knob.label for knob in (*method.knobs, *method.run))
    assert method.layers in ("one", "until", "through", "all")
    assert method.asked_by in ("any", "class", "patch", "patches", "label", "nobody")
    assert method.source or name in ("mean-of-layers", "painted")


@pytest.mark.parametrize(
    ("name", "asked", "why"),
    [
        ("raw", {"layer": 3}, "layer: want numbers of 0 to 2, got 3"),
        ("raw", {"head": 2, "layer": 0}, "head: want numbers of 0 to 1, got 2"),
        ("raw", {"query": (2, 0)}, "query: want a patch from 0,0 to 1,2"),
        ("raw", {"query": "\N{ARABIC-INDIC DIGIT THREE}"}, 'query: want "class", row,column'),
        ("raw", {"query": "\N{ARABIC-INDIC DIGIT ONE},0"}, 'query: want "class", row,column'),
        ("raw", {"residual": 0.5}, "residual: raw has no such knob; it has none"),
        ("rollout", {"head": 0}, "head: rollout takes all heads"),
        ("rollout", {"residual": 1.5}, "residual: want a number from 0 to 1, got 1.5"),
        ("rollout", {"discard_ratio": 1}, "discard_ratio: want a number from 0 to below 1, got 1"),
        ("rollout", {"head_fusion": "median"}, "head_fusion: want one of mean, max, min, got 'median'"),
        ("rollout", {"start_layer": 99}, "start_layer: want a whole number from 0 to 2, got 99"),
        ("relevance", {"start_layer": 99}, "start_layer: want a whole number from 0 to 2, got 99"),
        ("mean-of-layers", {"start_layer": 99}, "start_layer: want a whole number from 0 to 2, got 99"),
        ("rollout-so-far", {"layer": 1, "start_layer": 2}, "0 to 1 (the chosen layer), got 2"),
        ("mean-of-layers", {"layer": 1, "start_layer": 2}, "0 to 1 (the chosen layer), got 2"),
        ("raw", {"layer": True}, "layer: want a whole number, 0 first, got True"),
        ("rollout", {"start_layer": -1}, "start_layer: want a whole number from 0 up, got -1"),
        ("rollout", {"start_layer": float("nan")}, "start_layer: want a whole number"),
        ("occlusion", {"layer": 1}, "layer: occlusion goes through all layers"),
        ("relevance", {"query": (0, 0)}, "query: relevance tells what the class token used"),
        ("occlusion", {"query": (0, 0)}, "query: in occlusion no token asks: leave it out"),
        ("likeness", {"query": "class"}, "query: want one patch or several, row,column from 0,0 to 1,2"),
        (
            "likeness",
            {"query": [1, "class"]},
            "query: want one patch or several, row,column from 0,0 to 1,2, got 1 class",
        ),
        ("components", {"query": PATCH}, "query: in components no token asks: leave it out"),
        ("components", {"component": "4"}, "component: want one of colours, 1, 2, 3, got '4'"),
        ("painted", {"query": 1}, "query: painted wants row,column of one patch, got 1"),
        ("painted", {"query": PATCH, "patch": (0, 0)}, "patch: want the patch that asks, 1,0, got 0,0"),
        ("painted", {"query": None, "patch": (1, -1)}, "patch: want row and column of one patch, got (1, -1)"),
        ("raw", {"query": 3.5}, "query: want a token's number, (row, column), a word, or several, got 3.5"),
        ("raw", {"layer": [1]}, "layer: want a whole number, 0 first, got [1]"),
        ("raw", {"layer": 1.0}, "layer: want a whole number, 0 first, got 1.0"),
        ("raw", {"head": "1"}, "head: want a whole number, 0 first, got '1'"),
        ("rollout", {"residual": 10**400}, "residual: want a number from 0 to 1, got 1000"),
        ("rollout", {"residual": np.complex64(1)}, "residual: want a number from 0 to 1"),
        ("rollout", {"head_fusion": np.array(["max", "min"])}, "head_fusion: want one of mean, max, min"),
    ],
)
def test_what_cannot_be_asked_is_said(name: str, asked: dict[str, Any], why: str) -> None:
    with pytest.raises(QuestionError, match=re.escape(why)):
        ask(name, **asked)


def test_a_run_on_a_patch_is_on_the_patch_that_asks() -> None:
    """A token's number names no patch before there is a grid; what was given twice is one patch."""
    method, want = methods()["painted"], Run.of("painted", patch=PATCH)
    for asked in ({"query": PATCH}, {"query": "1,0"}, {"query": [PATCH, PATCH]}, {"patch": [1, 0]}):
        assert method.needs_for(**asked) == {"weights", want}
        assert method(record(), **asked).patches == (3,)
    assert method(record(), patch=PATCH).code == 'methods()["painted"](record, query=(1, 0))'
    for query in (4, "class", "mean", [PATCH, (0, 0)], "a,b"):
        with pytest.raises(QuestionError, match="painted wants row,column of one patch"):
            method.needs_for(query=query)


def test_the_code_shown_is_python_and_names_the_kind() -> None:
    made = record()
    window = replace(made.maps[2], weights=made.maps[2].weights[::-1], kind="window", gradient=None)
    both = replace(made, maps=(*made.maps, window))
    found = methods()["raw"](both, query=np.int64(3), layer=np.int64(2), head=np.int8(1), kind="window")
    assert found.code == "methods()[\"raw\"](record, query=3, layer=2, head=1, kind='window')"
    assert "head_fusion='max'" in methods()["fused"](made, head_fusion=np.str_("max")).code


def test_only_whole_products_are_made() -> None:
    made = record(norms=np.ones((3, 7), np.float32))
    chosen = replace(made, maps=(made.maps[0], made.maps[2]), settings={"layers": [0, 2]})
    first = replace(made, maps=made.maps[:2], settings={"layers": [0, 1]})
    for name in ("rollout", "rollout-so-far", "relevance", "gradient-rollout"):
        for some, kept in ((chosen, "0 and 2"), (first, "0 to 1")):
            with pytest.raises(QuestionError, match=f"wants every layer to 2, and this record kept {kept}"):
                ask(name, some)
        assert methods()[name].unfit(chosen).startswith("wants every layer to 2")
    last = replace(made, maps=made.maps[1:], settings={"layers": [1, 2]})
    np.testing.assert_allclose(ask("rollout", last).row, ask("rollout", made, start_layer=1).row, rtol=1e-6)
    np.testing.assert_allclose(ask("rollout", first, layer=1).row, ask("rollout", made, layer=1).row, rtol=1e-6)
    assert ask("mean-of-layers", chosen).words.startswith("mean of layers 1 and 3,")


def test_what_does_not_fit_is_known_before_it_is_asked() -> None:
    made = record()
    said = {name: one.unfit(replace(made, settings={"unheard": ["block.1"]})) for name, one in methods().items()}
    products = {"flow", "rollout", "rollout-so-far", "relevance", "gradient-rollout"}
    assert {name for name, why in said.items() if why} == {*products, *LABELED, "masking"}
    assert said["masking"] == "changes parts of a text, and this record is of a picture"
    assert said["naive"] == "compares patches with labels, and this model takes none"
    none = replace(made, settings={"labels": None})
    assert methods()["naive"].unfit(none) == "compares patches with labels, and none were given"
    assert said["relevance"].startswith("wants every layer")
    window = replace(made, maps=(replace(made.maps[0], kind="window", gradient=None),))
    assert methods()["raw"].unfit(window).startswith("No attention maps captured")
    np.testing.assert_array_equal(ask("raw", window, kind="window", head=0).row, made.maps[0].weights[0, 0])


def test_patches_ask_in_the_last_layer_where_they_do() -> None:
    """Behind the blocks of SigLIP lies a pool, which asks with a query of its own."""
    made, pool = record(), Axis.text(("pool",))
    row = made.maps[2].weights[:, :1]
    more = replace(made, maps=(*made.maps, AttentionMap(row, "pool", 3, "cross", pool, AXIS)))
    for name in ("likeness", "plain-likeness", "painted", "components"):
        assert methods()[name].unfit(more) == ""
        np.testing.assert_array_equal(ask(name, more).row, ask(name, made).row)
        np.testing.assert_array_equal(ask(name, more, layer=0).row, ask(name, made, layer=0).row)
        with pytest.raises(QuestionError, match="layer: want one where patches ask, got 3"):
            ask(name, more, layer=3)
    assert columns([("", more)], "components")["layer"].tolist() == [0] * 6 + [1] * 6 + [2] * 6


def test_occlusion_needs_no_weights() -> None:
    made = record()
    one = replace(made.maps[2], weights=made.maps[2].weights[:1], heads=(0,), gradient=None)
    np.testing.assert_array_equal(ask("occlusion", replace(made, maps=(one,))).row, ask("occlusion", made).row)


def test_what_a_record_lacks_is_said() -> None:
    made = record()
    bare = replace(made, signals={}, maps=tuple(replace(one, gradient=None) for one in made.maps))
    for name, lack in (("relevance", "gradients"), ("likeness", "hidden")):
        with pytest.raises(QuestionError, match=f"this record has no {lack}: want model.attend"):
            ask(name, bare)
    with pytest.raises(QuestionError, match="names none"):
        ask("relevance", replace(made, prediction=Prediction(), signals={}, settings={}))
    with pytest.raises(QuestionError, match="wants every layer"):
        ask("rollout", replace(made, settings={"unheard": ["block.1"]}))
    one = replace(made.maps[0], weights=made.maps[0].weights[:1], heads=(1,), gradient=None)
    kept = replace(made, maps=(one,), norms=made.norms[:1])
    with pytest.raises(QuestionError, match="wants all heads and queries"):
        ask("rollout", kept)
    np.testing.assert_array_equal(ask("raw", kept, head=1).row, made.maps[0].weights[0, 0])


def test_text_that_attends_to_text_has_one_number_a_token() -> None:
    words = Axis.text(("a", "red", "ring"))
    weights = np.random.default_rng(1).dirichlet(np.ones(3), (2, 3)).astype(np.float32)
    made = AttentionRecord((AttentionMap(weights, "t", 0, "self", words, words),))
    found = methods()["raw"](made, query="ring")
    np.testing.assert_allclose(found.values, weights[:, 2].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(methods()["rollout"](made, query=2).values.sum(), 1, rtol=1e-6)


def test_an_unknown_method_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(KeyError, match=r"^method: want one of raw, .*, got 'rolout'"):
        methods()["rolout"]
    assert methods().get("rolout") is None


def test_two_numbers_are_two_tokens_where_text_has_no_rows() -> None:
    axis = Axis.text(("a", "red", "ring"))
    assert askers(axis, query_texts([1, 2])).rows == (1, 2)
    assert askers(Axis.patches(2, 3), query_texts([1, 2])).rows == (5,)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.float32(0.5), np.float16(0.5), np.float64(0.5)])
def test_a_number_of_numpy_is_a_number(value: Any) -> None:
    assert methods()["rise"].needs_for(kept=value) == methods()["rise"].needs_for(kept=0.5)
    with pytest.raises(QuestionError, match="masks: want a whole number from 1 to 10000"):
        methods()["rise"].needs_for(masks=value)
