"""CLIP and SigLIP: both towers against the library, similarities and labels on patches against their definitions written out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity, normalize

import vit_attention as va
from tests.vit_attention.folders import dual_folder, picture
from visualizer import methods
from vit_attention.gate import GateError
from vit_attention.records import AttentionRecord

LABELS = ["red ring", "blue square", "soup"]
NEEDS = frozenset().union(*(methods()[name].needs for name in ("naive", "value", "value-value")))


@pytest.fixture(scope="module", params=["clip", "siglip"])
def both(request: Any, tmp_path_factory: Any) -> tuple[Any, Any]:
    """A loaded model, and the library's network."""
    folder = tmp_path_factory.mktemp(request.param)
    network = dual_folder(folder, request.param)
    return va.load(f"hf:{folder}"), network


def ids(model: Any, text: str) -> Any:
    """Tokens as the processor of each family makes them: SigLIP's are filled up, and no mask is made."""
    padded = model.module.config.model_type == "siglip"
    more = {"padding": "max_length", "max_length": 16} if padded else {}
    return model.text.tokenizer(text, return_tensors="pt", **more)["input_ids"]


def text_vectors(model: Any, network: Any, texts: list[str]) -> Any:
    found = torch.cat([network.text_model(input_ids=ids(model, one)).pooler_output for one in texts])
    return network.text_projection(found) if hasattr(network, "text_projection") else found


def picture_vector(model: Any, network: Any, tokens: Any = None) -> Any:
    """(n, width) of the whole picture; or of (n, tokens, width) tokens behind the last block, as if they were all there is."""
    if tokens is None:
        found = network.vision_model(pixel_values=model.prepare(picture()).pixels).pooler_output
    else:
        normed = network.vision_model.post_layernorm(tokens)
        found = network.vision_model.head(normed) if hasattr(network.vision_model, "head") else normed[:, 0]
    return network.visual_projection(found) if hasattr(network, "visual_projection") else found


def states(model: Any, network: Any) -> Any:
    """(layers + 1, tokens, width) tokens that enter the first block and leave every block."""
    found: list[Any] = []
    layers = network.vision_model.encoder.layers
    handles = [layers[0].register_forward_pre_hook(lambda _, given, more: found.append(given[0]), with_kwargs=True)]
    handles += [one.register_forward_hook(lambda _, __, out: found.append(out)) for one in layers]
    network.vision_model(pixel_values=model.prepare(picture()).pixels)
    for one in handles:
        one.remove()
    return torch.stack([one[0] if isinstance(one, tuple) else one for one in found])[:, 0]


def test_the_picture_tower_is_the_librarys(both: tuple[Any, Any]) -> None:
    model, network = both
    record = model.attend(picture(), keep={"hidden"})
    wanted = network.vision_model(pixel_values=model.prepare(picture()).pixels, output_attentions=True)
    own = [one for one in record.maps if one.kind == "self"]
    for one, weights in zip(own, wanted.attentions, strict=True):
        np.testing.assert_allclose(one.weights, weights[0].detach(), atol=2e-6)
    np.testing.assert_allclose(record.signals["hidden"], states(model, network).detach(), atol=1e-5)
    pool = [one.layer for one in record.maps if one.kind == "cross"]
    assert pool == ([3] if model.module.config.model_type == "siglip" else [])
    assert record.residual is not None
    assert record.residual < 1e-5


def test_the_text_tower_is_the_librarys(both: tuple[Any, Any]) -> None:
    model, network = both
    record = model.attend("red ring soups", keep={"hidden", "head-mean"})
    tokens = ids(model, "red ring soups")
    wanted = network.text_model(input_ids=tokens, output_attentions=True, output_hidden_states=True)
    for one, weights, fused in zip(record.maps, wanted.attentions, record.signals["head-mean"], strict=True):
        np.testing.assert_allclose(one.weights, weights[0].detach(), atol=2e-6)
        np.testing.assert_allclose(fused, weights[0].mean(dim=0).detach(), atol=2e-6)
    np.testing.assert_allclose(record.signals["hidden"][3], wanted.hidden_states[3][0].detach(), atol=1e-5)
    assert len(record.maps[0].key) == tokens.shape[1]
    if model.module.config.model_type == "clip":
        assert float(np.triu(record.maps[0].weights, 1).max()) == 0  # a causal tower


def test_similarity_is_the_cosine_of_both_embeddings(both: tuple[Any, Any]) -> None:
    model, network = both
    wanted = cosine_similarity(picture_vector(model, network), text_vectors(model, network, LABELS)).detach()
    found = model.similarity([picture(), picture(40)], LABELS)
    assert found.shape == (2, 3)
    np.testing.assert_allclose(found[0], wanted, atol=1e-6)
    np.testing.assert_allclose(model.similarity(picture(), "soup"), wanted[None, 2:], atol=1e-6)


def test_scores_of_labels_are_the_librarys(both: tuple[Any, Any]) -> None:
    """Texts of different lengths, padded together with their mask where the family has one."""
    model, network = both
    texts = ["red ring", "the slow waiter smiled"]
    padded = torch.nn.utils.rnn.pad_sequence(
        [ids(model, one)[0] for one in texts], batch_first=True, padding_value=model.text.anatomy.pad
    )
    wanted = network(input_ids=padded, pixel_values=model.prepare(picture()).pixels).logits_per_image[0]
    record = model.attend(picture(), labels=texts)
    np.testing.assert_allclose(record.prediction.scores, wanted.detach(), atol=2e-4)
    assert record.prediction.labels == tuple(texts)
    assert record.settings["labels"] == texts
    assert model.classes == ()


def test_gradients_are_about_a_label(both: tuple[Any, Any]) -> None:
    model, network = both
    record = model.attend(picture(), labels=LABELS, target="soup")
    tokens = torch.nn.utils.rnn.pad_sequence(
        [ids(model, one)[0] for one in LABELS], batch_first=True, padding_value=model.text.anatomy.pad
    )
    pixels = model.prepare(picture()).pixels
    out = network(input_ids=tokens, pixel_values=pixels, output_attentions=True)
    slopes = torch.autograd.grad(out.logits_per_image[0, 2], out.vision_model_output.attentions)
    own = [one for one in record.maps if one.kind == "self"]
    for one, wanted in zip(own, slopes, strict=True):
        np.testing.assert_allclose(one.gradient, wanted[0], atol=2e-5)


def values_path(block: Any, tokens: Any) -> Any:
    """MaskCLIP: the weights are the identity, all else of the block stays."""
    own = block.self_attn
    added = tokens + own.out_proj(own.v_proj(block.layer_norm1(tokens)))
    return added + block.mlp(block.layer_norm2(added))


def by_values(block: Any, tokens: Any) -> Any:
    """CLIP Surgery: softmax(v v^T / sqrt(d)) v, one head after the other."""
    values = block.self_attn.v_proj(block.layer_norm1(tokens))
    heads = [torch.softmax(v @ v.T / 8**0.5, dim=-1) @ v for v in values.split(8, dim=-1)]
    return block.self_attn.out_proj(torch.cat(heads, dim=-1))


def wanted_tokens(model: Any, network: Any, name: str, layer: int, depth: int = 6) -> Any:
    found, blocks = states(model, network), network.vision_model.encoder.layers
    if name == "naive":
        return found[layer + 1]
    if name == "value":
        return values_path(blocks[layer], found[layer])
    first = max(0, layer + 1 - depth)
    path = found[first]
    for number in range(first, layer + 1):
        path = path + by_values(blocks[number], found[number])
    return path


def cosines(model: Any, network: Any, tokens: Any, texts: list[str]) -> Any:
    """(texts, tokens) every token alone through the final norm and the projection, or the pool."""
    inside = picture_vector(model, network, tokens[:, None])
    return (normalize(text_vectors(model, network, texts), dim=-1) @ normalize(inside, dim=-1).T).detach().numpy()


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("name", ["naive", "value", "value-value"])
def test_labels_on_patches(both: tuple[Any, Any], name: str, layer: int) -> None:
    model, network = both
    prefix = model.axis().prefix
    wanted = cosines(model, network, wanted_tokens(model, network, name, layer), LABELS)[:, prefix:].reshape(3, 4, 4)
    np.testing.assert_allclose(model.labels(picture(), LABELS, layer=layer, method=name), wanted, atol=2e-6)
    record = model.attend(picture(), labels=LABELS, keep=NEEDS)
    for number, label in enumerate(LABELS):
        np.testing.assert_allclose(methods()[name](record, query=label, layer=layer).values, wanted[number], atol=2e-6)
    order = np.sort(wanted, axis=0)
    winner = methods()[name](record, layer=layer, show="winner")
    np.testing.assert_allclose(winner.values, order[-1] - order[-2], atol=4e-6)
    margin = methods()[name](record, layer=layer, show="margin")
    np.testing.assert_allclose(margin.values, order[-1] - order[-2], atol=4e-6)
    assert margin.colours is None
    assert margin.unit == "margin, cosine similarity"


def test_the_picture_passes_through_its_tower_once(both: tuple[Any, Any]) -> None:
    model, _ = both
    passes: list[int] = []
    keep = methods()["naive"].needs | methods()["value"].needs | methods()["value-value"].needs
    about = model.about(["soup", "red ring"])
    handle = model.module.vision_model.register_forward_hook(lambda *_: passes.append(1))
    try:
        record = about.attend(picture(), keep=keep)
    finally:
        handle.remove()
    whole = np.asarray(record.signals["naive"])[-1, :-1, 0]
    np.testing.assert_allclose(whole, model.similarity(picture(), ["soup", "red ring"])[0], atol=1e-6)
    # The pass that is captured, and the one that the scores of the labels come from, are the same.
    assert len(passes) == 1


def test_a_shorter_path_by_values(both: tuple[Any, Any]) -> None:
    model, network = both
    wanted = cosines(model, network, wanted_tokens(model, network, "value-value", 2, depth=1), LABELS)
    found = model.labels(picture(), LABELS, method="value-value", depth=1)
    np.testing.assert_allclose(found.reshape(3, -1), wanted[:, model.axis().prefix :], atol=2e-6)


def test_the_class_independent_part_is_removed(both: tuple[Any, Any]) -> None:
    """CLIP Surgery: w = softmax(2 cos) / mean over labels; S = w s - mean over labels of w s. One label: minus the empty text."""
    model, network = both
    tokens, prefix = wanted_tokens(model, network, "naive", 2), model.axis().prefix
    every = cosines(model, network, tokens, [*LABELS, ""])
    whole = cosine_similarity(picture_vector(model, network), text_vectors(model, network, LABELS)).detach().numpy()
    share = np.exp(2 * whole) / np.exp(2 * whole).sum()
    weighted = (share / share.mean())[:, None] * every[:3]
    wanted = weighted - weighted.mean(axis=0)
    found = model.labels(picture(), LABELS, class_independent="remove").reshape(3, -1)
    np.testing.assert_allclose(found, wanted[:, prefix:], atol=5e-6)
    alone = model.labels(picture(), "soup", class_independent="remove").reshape(-1)
    np.testing.assert_allclose(alone, (every[2] - every[3])[prefix:], atol=5e-6)


def test_records_of_labels_and_of_texts_survive_a_file(both: tuple[Any, Any], tmp_path: Path) -> None:
    model, _ = both
    record = model.attend(picture(), labels=LABELS, keep=NEEDS | {"hidden"}, target="soup")
    again = AttentionRecord.load(record.save(tmp_path / "one.npz"))
    for name in ("naive", "value", "value-value"):
        np.testing.assert_array_equal(record.signals[name], again.signals[name])
        assert methods()[name](again, query="soup").words == methods()[name](record, query="soup").words
    assert again.settings == record.settings
    text = model.attend("a red ring")
    back = AttentionRecord.load(text.save(tmp_path / "two.npz"))
    assert (back.text, back.maps[0].query.words) == ("a red ring", text.maps[0].query.words)
    assert 'text "a red ring"' in repr(text)


def test_many_pictures_with_labels_are_those_alone(both: tuple[Any, Any]) -> None:
    model, _ = both
    many = list(model.attend_many([picture(), picture(40)], labels=LABELS, keep=NEEDS))
    for one, side in zip(many, (48, 40), strict=True):
        alone = model.attend(picture(side), labels=LABELS, keep=NEEDS)
        for name in ("naive", "value", "value-value"):
            np.testing.assert_allclose(one.signals[name], alone.signals[name], atol=5e-6)
        np.testing.assert_allclose(one.prediction.scores, alone.prediction.scores, atol=1e-4)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m: m.attend(picture(), keep=methods()["naive"].needs), "labels: want texts that naive compares"),
        (lambda m: m.attend(picture(), labels=LABELS, target="ring"), "ring"),
        (
            lambda m: m.attend("red", labels=["x"]),
            r"labels: want a picture beside them, got the text 'red'. .*Path\(FILE\)",
        ),
        (lambda m: m.attend(picture(), keep={"naive"}, labels=LABELS), r"keep: want what .*Runs are named by a method"),
        (lambda m: m.labels(picture(), []), "texts: want at least one text"),
        (lambda m: m.labels(picture(), ["a", "a"]), "labels: want texts, each once, got 'a' twice"),
        (lambda m: m.labels(picture(), ["a", " "]), "labels: want texts, each once"),
        (lambda m: m.labels(picture(), 5), "labels: want texts in a list, got 5"),
        (lambda m: m.labels(picture(), "a", layer=3), "layer: want a number from -3 to 2, got 3"),
        (lambda m: m.labels(picture(), "a", method="raw"), "method: want one of naive, value, value-value, got 'raw'"),
        (lambda m: m.labels(picture(), "a", method="value-value", depth=0), "depth"),
        (lambda m: m.labels(picture(), [str(n) for n in range(1001)]), "labels: want at most 1,000 labels, got 1,001"),
        (lambda m: m.similarity([], ["a"]), "pictures: want at least one, got none"),
        (lambda m: m.similarity(picture(), []), "texts: want at least one text"),
        (lambda m: m.attend(""), "text: want words, got an empty text"),
        (lambda m: m.attend("a", target="x"), "x"),
        (lambda m: m.attend("a", keep={"gradients"}), "target: want pictures beside the text as its classes"),
        (lambda m: m.classify(picture()), "classify: want a model with classes"),
    ],
)
def test_what_cannot_be_is_one_sentence(both: tuple[Any, Any], call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        call(both[0])
    assert str(caught.value).count("\n") == 0


def test_a_record_takes_what_was_estimated(both: tuple[Any, Any]) -> None:
    model, _ = both
    asked = {"labels": LABELS, "keep": NEEDS}
    estimate, record = model.estimate(**asked), model.attend(picture(), **asked)
    kept = sum(one.weights.nbytes for one in record.maps) + sum(one.nbytes for one in record.signals.values())
    assert kept <= estimate <= 2 * kept + 10_000
    assert model.text.estimate(5) < model.text.estimate() == model.text.estimate(16)
    with pytest.raises(GateError, match="tokens: want a number from 1 to 16, got 17"):
        model.text.estimate(17)


def test_more_labels_than_go_through_together(both: tuple[Any, Any]) -> None:
    model, network = both
    texts = [f"red {'a ' * (n % 5)}ring {n}" for n in range(70)]
    wanted = cosine_similarity(picture_vector(model, network), text_vectors(model, network, texts)).detach()
    np.testing.assert_allclose(model.similarity(picture(), texts)[0], wanted, atol=2e-6)


def test_what_was_done_to_a_label_is_said(
    both: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _ = both
    record = model.attend(picture(), labels=["soup " * 199, "ring"])
    assert "The text has 201 tokens, of which the network takes 16" in " ".join(record.settings["notes"])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").touch()
    record = model.attend("a.jpg")
    assert record.text == "a.jpg"
    assert "A file has this name" in " ".join(record.settings["notes"])
    assert "A file has this name" not in " ".join(model.attend("b.jpg").settings["notes"])


def test_a_sparing_record_has_what_the_methods_need(both: tuple[Any, Any]) -> None:
    model, _ = both
    for name in ("naive", "value", "value-value"):
        asked = methods()[name].sparing(model.axis(), layer=1, query="soup")
        record = model.attend(picture(), labels=LABELS, **asked)
        whole = model.attend(picture(), labels=LABELS, keep=NEEDS)
        found, wanted = (methods()[name](one, query="soup", layer=1).values for one in (record, whole))
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    text = model.attend("the soup was")
    for name in ("rollout", "raw", "fused"):
        asked = methods()[name].sparing(text.maps[0].query, layer=2, query="soup")
        found = methods()[name](model.attend("the soup was", **asked), query="soup")
        np.testing.assert_allclose(found.row, methods()[name](text, query="soup").row, atol=2e-3)


def test_a_model_about_labels_runs_again(both: tuple[Any, Any]) -> None:
    model, _ = both
    about = model.about(LABELS)
    scores = about.rerun(picture(), lambda pixels: torch.cat([pixels, pixels * 0]))
    assert scores.shape == (2, 3)
    np.testing.assert_allclose(scores[0], list(about.classify(picture()).values()), atol=1e-5)
    keep = methods()["occlusion"].needs
    falls = model.attend(picture(), labels=LABELS, target="soup", keep=keep).signals["occlusion"]
    assert falls.shape == (4, 4)
