"""Folders as they are published: their settings, their vocabularies, and the many ways in which weights are stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import vit_attention as va
from tests.vit_attention.adapters.published import DUALS, TEXTS, folder
from tests.vit_attention.folders import VOCABULARY, byte_pairs, dual_folder, picture, text_folder
from vit_attention.adapters import hf_tokenizer
from vit_attention.gate import GateError
from vit_attention.weights.checkpoints import CheckpointError

TEXT = "The soup was not good, the waiters slowed!"


@pytest.mark.parametrize("name", TEXTS)
def test_published_text_encoders_open(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    network = folder(tmp_path, TEXTS[name])
    capfd.readouterr()
    model = va.load(f"hf:{tmp_path}")
    assert capfd.readouterr().err == ""  # no report of what no map needs
    tokens = model.tokenizer(TEXT, return_tensors="pt")
    given = {"input_ids": tokens["input_ids"], "attention_mask": tokens["attention_mask"]}
    wanted = network(**given, output_attentions=True)
    for one, weights in zip(model.attend(TEXT).maps, wanted.attentions, strict=True):
        np.testing.assert_allclose(one.weights, weights[0].detach(), atol=2e-6)
    said = TEXTS[name].get("id2label", {})
    assert model.classes == tuple(said.values())
    assert model.anatomy.longest == 64
    if said:
        np.testing.assert_allclose(list(model.classify(TEXT).values()), wanted.logits[0].detach(), atol=1e-5)


@pytest.mark.parametrize("name", DUALS)
def test_published_dual_encoders_open(tmp_path: Path, name: str) -> None:
    network = folder(tmp_path, DUALS[name])
    model = va.load(f"hf:{tmp_path}")
    pixels, tokens = model.prepare(picture()).pixels, model.text.prepare("red ring").ids
    wanted = network(input_ids=tokens, pixel_values=pixels).logits_per_image[0]
    scores = model.attend(picture(), labels=["red ring"]).prediction.scores
    np.testing.assert_allclose(scores, wanted.detach(), atol=1e-4)


def test_older_files_of_clip_say_their_parts_twice(tmp_path: Path) -> None:
    """The library takes the second; bounds hold for what is taken."""
    folder(tmp_path, DUALS["CLIP-ViT-B-32-laion2B"])
    said = json.loads((tmp_path / "config.json").read_text())
    said["vision_config"] = None
    (tmp_path / "config.json").write_text(json.dumps(said))
    assert va.load(f"hf:{tmp_path}").anatomy.patch == (8, 8)
    said["vision_config_dict"]["image_size"] = 10**9
    (tmp_path / "config.json").write_text(json.dumps(said))
    with pytest.raises(GateError, match="image_size"):
        va.load(f"hf:{tmp_path}")


def older(state: dict[str, Any]) -> dict[str, Any]:
    """As the library's version 4 and what it was ported from wrote them."""
    turned = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    found = {}
    for name, one in state.items():
        end = next((end for end in turned if name.endswith(end)), "")
        found[name.removesuffix(end) + turned.get(end, "")] = one
    return {**found, "bert.embeddings.position_ids": torch.arange(64)[None]}


@pytest.mark.parametrize("how", ["older", "bin", "module", "half", "bfloat", "bare", "masked", "own file"])
def test_weights_in_whatever_way_they_are_stored(tmp_path: Path, how: str) -> None:
    text_folder(tmp_path, head=False)
    want = va.load(f"hf:{tmp_path}").attend(TEXT, keep={"hidden"})
    path, within = tmp_path / "model.safetensors", 1e-5
    state = {name: one.clone() for name, one in load_file(path).items()}
    state = {f"bert.{name}": one for name, one in state.items()} if how in ("older", "masked", "module") else state
    if how == "older":
        state = older(state)
    if how == "masked":
        state |= {"cls.predictions.bias": torch.zeros(9), "cls.seq_relationship.weight": torch.zeros(2, 32)}
    if how == "module":
        state = {f"module.{name}": one for name, one in state.items()}
    if how in ("half", "bfloat"):
        state, within = {n: one.to(torch.float16 if how == "half" else torch.bfloat16) for n, one in state.items()}, 0.1
    path.unlink()
    given: dict[str, Any] = {}
    if how == "bin":
        torch.save(state, tmp_path / "pytorch_model.bin")
    elif how == "own file":
        given["weights"] = tmp_path.parent / "own.safetensors"
        save_file(state, given["weights"])
    else:
        save_file(state, path)
    found = va.load(f"hf:{tmp_path}", **given).attend(TEXT, keep={"hidden"})
    np.testing.assert_allclose(found.signals["hidden"], want.signals["hidden"], atol=within)
    assert found.signals["hidden"].dtype == np.float32


def test_a_folder_of_sentence_transformers_opens_as_the_bare_encoder(tmp_path: Path) -> None:
    network = text_folder(tmp_path, "mpnet", head=False)
    modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 32, "do_lower_case": false}')
    (tmp_path / "config_sentence_transformers.json").write_text('{"__version__": {"pytorch": "1.8.1"}}')
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"word_embedding_dimension": 32}')
    said = json.loads((tmp_path / "tokenizer_config.json").read_text())
    for longest in (10**30, None, 32):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({**said, "model_max_length": longest}))
        model = va.load(f"hf:{tmp_path}")
        assert model.classes == ()
        tokens = model.tokenizer(TEXT, return_tensors="pt")
        wanted = network(tokens["input_ids"], tokens["attention_mask"], output_attentions=True).attentions
        np.testing.assert_allclose(model.attend(TEXT).maps[2].weights, wanted[2][0].detach(), atol=2e-6)


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_a_head_of_another_size_and_none(tmp_path: Path, family: str) -> None:
    network = text_folder(tmp_path / "five", family, num_labels=5)
    said = json.loads((tmp_path / "five" / "config.json").read_text())
    two = {**said, "id2label": {"0": "bad", "1": "good"}, "label2id": {"bad": 0, "good": 1}}
    (tmp_path / "five" / "config.json").write_text(json.dumps(two))
    model = va.load(f"hf:{tmp_path / 'five'}")
    assert model.classes == tuple(f"class {n}" for n in range(5))
    assert "has 5 classes, which config.json does not name" in model.notes[0]
    tokens = model.tokenizer(TEXT, return_tensors="pt")
    wanted = network(tokens["input_ids"], tokens["attention_mask"]).logits[0]
    np.testing.assert_allclose(list(model.classify(TEXT).values()), wanted.detach(), atol=1e-5)
    path = tmp_path / "five" / "model.safetensors"
    body = {name: one for name, one in load_file(path).items() if not name.startswith(("classifier", "pre_classifier"))}
    save_file(body, path)
    bare = va.load(f"hf:{tmp_path / 'five'}")
    assert bare.classes == ()
    with pytest.raises(GateError, match="target: want a model with classes"):
        bare.attend(TEXT, keep={"gradients"})


def test_weights_that_are_missing_are_no_other_network(tmp_path: Path) -> None:
    text_folder(tmp_path)
    path = tmp_path / "model.safetensors"
    state = load_file(path)
    for lost in ("bert.encoder.layer.1.attention.self.query.weight", "bert.pooler.dense.weight"):
        save_file({name: one for name, one in state.items() if name != lost}, path)
        if "pooler" in lost:  # a classifier reads it; the bare encoder does not
            assert va.load(f"hf:{tmp_path}").classes == ()
        else:
            with pytest.raises(CheckpointError):
                va.load(f"hf:{tmp_path}")


# Vocabularies


@pytest.mark.parametrize("lower", [True, False, None])
@pytest.mark.parametrize("family", ["bert", "distilbert", "electra"])
def test_a_vocabulary_of_word_pieces_is_enough(tmp_path: Path, family: str, lower: bool | None) -> None:
    import transformers

    text_folder(tmp_path, family)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    if lower is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lower, "model_max_length": 512}))
    model = va.load(f"hf:{tmp_path}")
    own = transformers.BertTokenizerFast(str(tmp_path / "vocab.txt"), do_lower_case=lower is not False)
    assert model.prepare(TEXT).ids[0].tolist() == own(TEXT)["input_ids"]
    assert model.tokenizer.mask_token == "[MASK]"
    assert ("[UNK]" in model.prepare(TEXT).axis.labels) is (lower is False)


def test_vocabularies_of_mpnet_roberta_and_clip_are_enough(tmp_path: Path) -> None:

    text_folder(tmp_path / "mpnet", "mpnet")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "mpnet" / name).unlink()
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *VOCABULARY[5:-6], "[UNK]", "<mask>"]
    (tmp_path / "mpnet" / "vocab.txt").write_text("\n".join(pieces))
    axis = va.load(f"hf:{tmp_path / 'mpnet'}").prepare("The soup").axis
    assert (axis.special, axis.labels) == (("<s>",), ("the", "soup", "</s>"))

    text_folder(tmp_path / "roberta", "roberta")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "roberta" / name).unlink()
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "s", "o", "u", "p", "Ġ", "ou", "Ġs"]
    (tmp_path / "roberta" / "vocab.json").write_text(json.dumps({piece: n for n, piece in enumerate(pieces)}))
    (tmp_path / "roberta" / "merges.txt").write_text("#version: 0.2\no u\nĠ s\n")
    axis = va.load(f"hf:{tmp_path / 'roberta'}").prepare("soup soup").axis
    assert (axis.special, axis.labels) == (("<s>",), ("s", "ou", "p", "Ġs", "ou", "p", "</s>"))

    dual_folder(tmp_path / "clip")
    model = va.load(f"hf:{tmp_path / 'clip'}")
    want = model.text.prepare("Red  RING soups!").ids.tolist()
    tokenizer = byte_pairs()
    model_json = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    (tmp_path / "clip" / "vocab.json").write_text(json.dumps(model_json["vocab"]))
    merges = "\n".join(" ".join(pair) for pair in model_json["merges"])
    (tmp_path / "clip" / "merges.txt").write_text(f"#version: 0.2\n{merges}\n")
    (tmp_path / "clip" / "tokenizer.json").unlink()
    assert va.load(f"hf:{tmp_path / 'clip'}").text.prepare("Red  RING soups!").ids.tolist() == want


def spelled(**parts: Any) -> dict[str, Any]:
    """A tokenizer.json of Unigram pieces with these parts."""
    pieces = [["<pad>", 0.0], ["</s>", 0.0], ["<unk>", -9.0], ["▁the", -2.0], ["▁soup", -3.0], ["▁", -4.0], ["s", -5.0]]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": {
            "strategy": {"Fixed": 64},
            "direction": "Right",
            "pad_id": 1,
            "pad_type_id": 0,
            "pad_token": "</s>",
        },
        "added_tokens": [
            {
                "id": 1,
                "content": "</s>",
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}},
        },
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "model": {"type": "Unigram", "unk_id": 2, "vocab": pieces, "byte_fallback": False},
        **parts,
    }


def replace(pattern: dict[str, str], content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": pattern, "content": content}


PUBLISHED_PARTS = {
    "siglip": {
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Lowercase"},
                replace({"Regex": "[!\"\\#$%\\&'\\(\\)\\*\\+,\\-\\.:;=\\?@\\[\\\\\\]\\^_`\\{\\|\\}\\~]"}, ""),
                replace({"Regex": "\\s+"}, " "),
                {"type": "Strip", "strip_left": True, "strip_right": True},
            ],
        }
    },
    "albert": {
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                replace({"String": "``"}, '"'),
                replace({"String": "''"}, '"'),
                {"type": "NFKD"},
                {"type": "StripAccents"},
                {"type": "Lowercase"},
                replace({"Regex": " {2,}"}, " "),
            ],
        },
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "WhitespaceSplit"},
                {"type": "Metaspace", "replacement": "▁", "str_rep": "▁", "add_prefix_space": True},
            ],
        },
    },
    "modernbert": {
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    },
    "clip": {
        "normalizer": {
            "type": "Sequence",
            "normalizers": [{"type": "NFC"}, replace({"Regex": "\\s+"}, " "), {"type": "Lowercase"}],
        },
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"},
                    "behavior": "Removed",
                    "invert": True,
                },
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
            ],
        },
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": ["</s>", 1],
            "cls": ["<pad>", 0],
            "trim_offsets": False,
            "add_prefix_space": False,
        },
    },
}


@pytest.mark.parametrize("name", PUBLISHED_PARTS)
def test_parts_of_published_tokenizers_pass_the_gate(tmp_path: Path, name: str) -> None:
    import tokenizers

    text = json.dumps(spelled(**PUBLISHED_PARTS[name]))
    (tmp_path / "tokenizer.json").write_text(text)
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>"}')
    found = hf_tokenizer.load(tmp_path, around=True)
    own = tokenizers.Tokenizer.from_str(text)
    own.no_padding()
    assert found("The  soup, the (soups)")["input_ids"] == own.encode("The  soup, the (soups)").ids
    assert found("the soup")["input_ids"][-1] == 1
