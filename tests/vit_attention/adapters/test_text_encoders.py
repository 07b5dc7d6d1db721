"""Text encoders of every family against the library's own eager attention, alone, in batches and from folders of all makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vit_attention as va
from tests.vit_attention.folders import HEADED, VOCABULARY, text_folder
from visualizer import methods
from vit_attention.gate import GateError

TEXT = "The soup was not good, the waiters slowed!"
SHORT = "Never good."
KEEP = {"hidden", "head-mean"}
PRE_NORM = ("megatron-bert", "modernbert", "roberta-prelayernorm")
WRITTEN_OUT = ("deberta-v2", "megatron-bert", "mpnet")
"""Families whose queries and keys cannot be seen, as they multiply them themselves."""
FORMS = [(family, head) for family in HEADED for head in (True, False)]


def eager(network: Any, tokens: Any, **asked: Any) -> Any:
    """What the library gives, with gradients possible."""
    given = {"input_ids": tokens["input_ids"], "attention_mask": tokens["attention_mask"]}
    return network(**given, output_attentions=True, output_hidden_states=True, **asked)


def same(found: Any, wanted: Any, within: float = 2e-6) -> None:
    np.testing.assert_allclose(np.asarray(found), wanted.detach().numpy(), atol=within)


@pytest.mark.parametrize(("family", "head"), FORMS)
def test_weights_states_and_scores_are_the_librarys(tmp_path: Path, family: str, head: bool) -> None:
    network = text_folder(tmp_path, family, head)
    model = va.load(f"hf:{tmp_path}")
    tokens = model.tokenizer(TEXT, return_tensors="pt")
    vectors = set() if family in WRITTEN_OUT else {"queries", "keys", "values"}
    record, wanted = model.attend(TEXT, keep=KEEP | vectors), eager(network, tokens)
    assert [one.layer for one in record.maps] == [0, 1, 2]
    assert record.residual is not None
    assert record.residual < 1e-5
    for one, weights, fused in zip(record.maps, wanted.attentions, record.signals["head-mean"], strict=True):
        same(one.weights, weights[0])
        same(fused, weights[0].mean(dim=0))
    depth = 3 if family in PRE_NORM else 4  # the last state is behind the final norm
    for mine, theirs in zip(record.signals["hidden"][:depth], wanted.hidden_states[:depth], strict=True):
        same(mine, theirs[0], 1e-5)
    same(record.norms[0], torch.linalg.vector_norm(wanted.hidden_states[1][0], dim=-1), 1e-4)
    assert all(one.shape == (4, len(record.maps[0].key), 8) for name in vectors for one in record.signals[name])
    if head:
        same(record.prediction.scores, wanted.logits[0], 1e-5)
    assert (record.text, record.maps[0].query.special) == (TEXT, ("[CLS]",))
    assert va.AttentionRecord.load(record.save(tmp_path / "one.npz")).text == TEXT


@pytest.mark.parametrize("family", HEADED)
def test_gradients_are_those_of_the_class(tmp_path: Path, family: str) -> None:
    network = text_folder(tmp_path, family)
    model = va.load(f"hf:{tmp_path}")
    record = model.attend(TEXT, target=1)
    wanted = eager(network, model.tokenizer(TEXT, return_tensors="pt"))
    slopes = torch.autograd.grad(wanted.logits[0, 1], wanted.attentions)
    for mine, theirs in zip(record.gradients, slopes, strict=True):
        same(mine, theirs[0], 1e-5)
    assert record.prediction.target == 1


@pytest.mark.parametrize("family", HEADED)
def test_some_layers_heads_and_rows(tmp_path: Path, family: str) -> None:
    """ALBERT uses one block three times, whose calls are its layers."""
    network = text_folder(tmp_path, family)
    model = va.load(f"hf:{tmp_path}")
    record = model.attend(TEXT, layers=[1, 2], heads=[3, 1], queries=[0, 4], whole=[2], target=0)
    wanted = eager(network, model.tokenizer(TEXT, return_tensors="pt"))
    slopes = torch.autograd.grad(wanted.logits[0, 0], wanted.attentions)
    assert [(one.layer, one.heads) for one in record.maps] == [(1, (3, 1)), (2, (3, 1))]
    same(record.maps[0].weights, wanted.attentions[1][0][[3, 1]][:, [0, 4]])
    same(record.maps[1].weights, wanted.attentions[2][0][[3, 1]])
    assert record.maps[0].gradient is not None
    same(record.maps[0].gradient, slopes[1][0][[3, 1]][:, [0, 4]], 1e-5)
    with pytest.raises(GateError, match=r"layers: want numbers .*2, got"):
        model.attend(TEXT, layers=[3])


@pytest.mark.parametrize(
    ("family", "side"),
    [
        *(
            (family, side)
            for family in ("bert", "roberta", "mpnet", "deberta-v2", "albert")
            for side in ("right", "left")
        ),
        ("modernbert", "right"),  # what stands on the left is its class token, and too far away to see a word
    ],
)
def test_padding_goes_in_and_stays_out_of_the_record(tmp_path: Path, family: str, side: str) -> None:
    network = text_folder(tmp_path, family)
    model = va.load(f"hf:{tmp_path}")
    asked = {"padding": "max_length", "max_length": 24, "padding_side": side}
    tokens = model.tokenizer(TEXT, return_tensors="pt", **asked)
    record, wanted = model.attend(tokens, keep=KEEP, target=1), eager(network, tokens)
    counts = tokens["attention_mask"][0].bool()
    assert len(record.maps[0].key) == int(counts.sum()) < 24
    slopes = torch.autograd.grad(wanted.logits[0, 1], wanted.attentions, retain_graph=True)
    plain = model.attend(tokens, keep={"gradients"}, target=1, queries=[0, 2])
    for layer, one in enumerate(record.maps):
        assert (
            float(wanted.attentions[layer][0][:, counts][..., ~counts].detach().abs().max()) == 0
        )  # pad keys get nothing
        inside = wanted.attentions[layer][0][:, counts][..., counts]
        same(one.weights, inside)
        np.testing.assert_allclose(one.weights.sum(axis=-1), 1, atol=1e-5)
        same(record.signals["head-mean"][layer], inside.mean(dim=0))
        same(plain.maps[layer].weights, inside[:, [0, 2]])
        same(plain.maps[layer].gradient, slopes[layer][0][:, counts][..., counts][:, [0, 2]], 1e-5)
        same(record.signals["hidden"][layer], wanted.hidden_states[layer][0, counts], 1e-5)
    same(record.prediction.scores, wanted.logits[0], 1e-5)


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "mpnet", "modernbert", "deberta-v2", "albert", "distilbert"])
def test_texts_of_different_lengths_together_are_those_alone(tmp_path: Path, family: str) -> None:
    text_folder(tmp_path, family)
    model = va.load(f"hf:{tmp_path}")
    texts = [TEXT, SHORT, "a red ring"]
    keep = {*KEEP, "gradients", *methods()["masking"].needs}
    for one, text in zip(model.attend_many(texts, batch=3, keep=keep, queries=[0, 1]), texts, strict=True):
        alone = model.attend(text, keep=keep, queries=[0, 1])
        assert one.maps[0].query.labels == alone.maps[0].query.labels
        for mine, theirs in zip(one.maps, alone.maps, strict=True):
            np.testing.assert_allclose(mine.weights, theirs.weights, atol=1e-5)
            np.testing.assert_allclose(mine.gradient, theirs.gradient, atol=1e-5)
        for name in ("hidden", "head-mean", "masking"):
            np.testing.assert_allclose(one.signals[name], alone.signals[name], atol=2e-5)
        np.testing.assert_allclose(one.norms, alone.norms, atol=1e-4)


@pytest.mark.parametrize("unit", ["word", "token"])
@pytest.mark.parametrize("hide", ["mask", "leave out"])
@pytest.mark.parametrize("family", ["bert", "modernbert"])
def test_masking_is_the_library_run_on_changed_tokens(tmp_path: Path, family: str, hide: str, unit: str) -> None:
    network = text_folder(tmp_path, family)
    model = va.load(f"hf:{tmp_path}")
    record = model.attend(TEXT, target="LABEL_1", keep=methods()["masking"].needs_for(unit=unit, hide=hide))
    tokens = model.tokenizer(TEXT, return_tensors="pt")
    whole = eager(network, tokens).logits[0, 1]
    words = tokens.word_ids(0)
    for number, word in enumerate(words):
        together = [n for n, other in enumerate(words) if other == word] if unit == "word" else [number]
        ids, mask = tokens["input_ids"].clone(), tokens["attention_mask"].clone()
        if hide == "mask":
            ids[0, together] = VOCABULARY.index("[MASK]")
        else:
            mask[0, together] = 0
        wanted = 0 if word is None else whole - eager(network, {"input_ids": ids, "attention_mask": mask}).logits[0, 1]
        assert record.signals["masking"][number] == pytest.approx(float(wanted), abs=1e-5)
    row = methods()["masking"](record, unit=unit, hide=hide).row
    np.testing.assert_array_equal(np.isnan(row), [word is None for word in words])


def test_words_that_the_tokenizer_does_not_know_are_said(tmp_path: Path) -> None:
    text_folder(tmp_path)
    notes = va.load(f"hf:{tmp_path}").attend("The soups \u6e6f \u0436 slowed good").settings["notes"]
    assert "Unknown to the tokenizer, and read as [UNK]: \u6e6f, \u0436." in notes
    assert any("read in pieces: soups (soup ##s), slowed (slow ##ed)." in note for note in notes)
    assert not any("good" in note for note in notes)
