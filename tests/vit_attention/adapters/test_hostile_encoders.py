"""Folders, tokenizers and texts that mean harm, or are damaged: one sentence each, quickly and in little memory."""

from __future__ import annotations

import json
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

import vit_attention as va
from tests.vit_attention.folders import dual_folder, picture, text_folder
from visualizer import methods
from vit_attention.gate import GateError
from vit_attention.models.model import BudgetError
from vit_attention.weights.checkpoints import CheckpointError

DEEP: list[Any] = []
for _ in range(500):
    DEEP = [DEEP]
VISION = ("vision_config",)
TEXT = ("text_config",)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("encoders")
    for family in ("bert", "albert", "modernbert"):
        text_folder(base / family, family)
    dual_folder(base / "clip")
    va.load(f"hf:{base / 'bert'}").attend("the soup")  # what is measured is without imports
    va.load(f"hf:{base / 'clip'}").similarity(picture(), "the soup")
    return base


@contextmanager
def cheap() -> Iterator[None]:
    """No more than 200 MB beyond what was taken before, and no more than three seconds on a busy machine."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3 < 200
    assert time.process_time() - start < 3


def changed(folders: Path, to: Path, which: str, file: str, change: Callable[[Any], None]) -> Path:
    """A copy of a folder in which a JSON file says something else."""
    shutil.copytree(folders / which, to / "model")
    said = json.loads((to / "model" / file).read_text())
    change(said)
    (to / "model" / file).write_text(json.dumps(said))
    return to / "model"


def setting(path: tuple[str, ...], value: Any) -> Callable[[Any], None]:
    def change(said: Any) -> None:
        for name in path[:-1]:
            said = said[name]
        said[path[-1]] = value

    return change


REFUSED = [
    *(("bert", ("hidden_size",), value) for value in (10**9, 10**12, -1, "32", None, 31, 0, [32])),
    *(("bert", ("num_hidden_layers",), value) for value in (10**6, 1000, 4, 1, 0, True)),
    *(("bert", ("num_attention_heads",), value) for value in (10**9, 3, 0)),
    *(("bert", (name,), 10**9) for name in ("intermediate_size", "vocab_size", "type_vocab_size", "pad_token_id")),
    *(("bert", ("max_position_embeddings",), value) for value in (10**9, 300_000, 1, 0)),
    *(("bert", ("vocab_size",), value) for value in (5, 300_000)),
    *(("bert", ("hidden_act",), value) for value in ("os.system", {"a": 1})),
    *(("bert", ("layer_norm_eps",), value) for value in (float("inf"), "a", -1.0, 1e9)),
    *(("bert", (name,), True) for name in ("is_decoder", "add_cross_attention")),
    *(("bert", ("x",), value) for value in (DEEP, {"a": {"b": {"c": {"d": {"e": 1}}}}}, [0] * 10_000, "a" * 10**6)),
    ("bert", ("id2label",), {"0": "a", "2": "b"}),
    ("bert", ("quantization_config",), {"a": 1}),
    *(("albert", ("num_hidden_groups",), value) for value in (10**9, 1000, 0)),
    *(("albert", ("inner_group_num",), value) for value in (10**9, 1000)),
    *(("modernbert", ("layer_types",), value) for value in (["x"] * 3, ["full_attention"])),
    ("modernbert", ("classifier_pooling",), "evil"),
    *(("clip", (*VISION, "image_size"), value) for value in (10**9, [32, 32], 0)),
    *(("clip", (*VISION, "num_channels"), value) for value in (10**9, 1, 2)),
    *(("clip", (*VISION, "num_hidden_layers"), value) for value in (10**6, 1000, 2)),
    *(("clip", (*TEXT, "vocab_size"), value) for value in (10**9, 5)),
    *(("clip", (name,), None) for name in ("vision_config", "text_config")),
    ("clip", ("projection_dim",), -1),
    ("clip", ("logit_scale_init_value",), 1e9),
    ("clip", (*TEXT, "is_decoder"), True),
]


@pytest.mark.parametrize(("which", "path", "value"), REFUSED, ids=lambda one: str(one)[:24])
def test_settings_are_refused(folders: Path, tmp_path: Path, which: str, path: tuple[str, ...], value: Any) -> None:
    model = changed(folders, tmp_path, which, "config.json", setting(path, value))
    with cheap(), pytest.raises((GateError, CheckpointError)) as caught:
        va.load(f"hf:{model}")
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "x") for name in ("__class__", "__init__", "to_dict", "from_pretrained", "_commit_hash")),
        ("attribute_map", {"hidden_size": "vocab_size"}),
        ("sub_configs", {"a": 1}),
        ("attn_implementation", "flash_attention_2"),
        ("pruned_heads", {"0": [0, 1]}),
        ("auto_map", {"AutoModel": "evil.py--X"}),
        ("dtype", "int8"),
    ],
)
def test_names_that_are_no_settings_change_nothing(folders: Path, tmp_path: Path, name: str, value: Any) -> None:
    model = changed(folders, tmp_path, "bert", "config.json", setting((name,), value))
    want = va.load(f"hf:{folders / 'bert'}").attend("the soup").prediction.scores
    assert va.load(f"hf:{model}").attend("the soup").prediction.scores.tolist() == want.tolist()


A, B = ({"Sequence": {"id": one, "type_id": 0}} for one in "AB")
CLS = {"SpecialToken": {"id": "[CLS]", "type_id": 0}}


def around(*pieces: Any, number: int = 2, times: int = 1) -> Callable[[Any], None]:
    special = {"[CLS]": {"id": "[CLS]", "ids": [number] * times, "tokens": ["[CLS]"] * times}}
    said = {"type": "TemplateProcessing", "single": [*pieces], "pair": [*pieces, B], "special_tokens": special}
    return setting(("post_processor",), said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (around(A, A, A), "post_processor: want a text once"),
        (around(CLS), "post_processor: want a text once"),
        (around(CLS, A, times=100_000), "post_processor: want a text once, with at most 16 special tokens"),
        (around(CLS, A, number=10**6), "post_processor: want special tokens of the vocabulary, got number 1000000"),
        (around(CLS, A, number=2**31), "post_processor: want special tokens of the vocabulary"),
        (around(CLS, B), "tokenizer.json: want a tokenizer"),
        (setting(("post_processor",), {"type": "Evil"}), "post_processor.type: want"),
        (setting(("post_processor",), {"type": "BertProcessing", "sep": ["x", 10**6], "cls": ["y", 3]}), "vocabulary"),
        (lambda said: said["model"]["vocab"].update({"the": 10**5}), "vocab_size: want more than 100000"),
        (
            lambda said: said["model"]["vocab"].update({f"z{n}": 79 + n for n in range(9)}),
            "vocab_size: want more than 87",
        ),
        (setting(("model", "unk_token"), "nope"), "tokenizer.json: want a tokenizer"),
        (setting(("normalizer",), {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""}), "regular expr"),
        (setting(("normalizer",), {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 500}), "at most 16"),
    ],
)
def test_tokenizers_are_refused(folders: Path, tmp_path: Path, change: Callable[[Any], None], said: str) -> None:
    model = changed(folders, tmp_path, "bert", "tokenizer.json", change)
    with cheap(), pytest.raises(GateError, match=said):
        va.load(f"hf:{model}")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "tokenizer.json: want the tokenizer the model was trained with, got none"),
        ({"spm.model": b"x"}, "got sentencepiece's model alone"),
        ({"vocab.txt": b"\xff\xfe"}, "vocab.txt: want text in UTF-8"),
        ({"vocab.txt": b"x\n" * 300_001}, "vocab.txt: want at most 300,000 entries, got 300,001"),
        ({"vocab.txt": b"a\nb"}, "vocab_size: want more than|special tokens|tokenizer"),
        ({"vocab.json": b'{"a": "b"}', "merges.txt": b""}, "vocab.json: vocab"),
        ({"vocab.json": b'{"a": 1}'}, "merges.txt: want an existing file"),
        ({"vocab.json": b'{"a": 1}', "merges.txt": b"a b c"}, "merges.txt: want two pieces a line"),
        ({"vocab.json": b'{"a": 1', "merges.txt": b""}, "vocab.json: want JSON"),
        ({"vocab.json": b'[["a", 1.0]]', "merges.txt": b""}, "merges.txt: want two pieces a line"),
    ],
)
def test_vocabularies_are_refused(folders: Path, tmp_path: Path, files: dict[str, bytes], said: str) -> None:
    shutil.copytree(folders / "bert", tmp_path / "model")
    (tmp_path / "model" / "tokenizer.json").unlink()
    for name, data in files.items():
        (tmp_path / "model" / name).write_bytes(data)
    with cheap(), pytest.raises(GateError, match=said):
        va.load(f"hf:{tmp_path / 'model'}")


TEXTS = {
    "surrogate": "a \ud800 b",
    "zero byte": "a\0b",
    "zero bytes": "\0\0",
    "zero width": "\u200b\u200b",
    "long": "soup " * 20_000,
    "one word": "a" * 100_000,
    "emoji": "😀🎉👩‍👩‍👧‍👦" * 5,
    "right to left": "\u200f\u202eabc שלום عربى",
    "marks": "\u200f\u200f",
    "combining": "e" + "\u0301" * 90_000,
    "ideographs": "我喜歡這個湯" * 2000,
    "special": "[CLS] [SEP] [MASK] the [PAD] soup",
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_all_kinds_have_records(folders: Path, tmp_path: Path, name: str) -> None:
    model, dual = (va.load(f"hf:{folders / one}") for one in ("bert", "clip"))
    with cheap():
        record = model.attend(TEXTS[name], keep=methods()["masking"].needs)
        methods()["masking"](record)
        assert dual.labels(picture(), [TEXTS[name][:1000], "soup"]).shape == (2, 4, 4)
    assert va.AttentionRecord.load(record.save(tmp_path / "one.npz")).text == record.text
    assert all(note.isprintable() for note in record.settings["notes"])
    assert len(record.maps[0].key) <= 64
    if name in ("zero bytes", "marks", "zero width"):
        assert "special tokens are all that is left" in " ".join(record.settings["notes"])
    if name in ("long", "ideographs"):
        assert "tokens, of which the network takes 64: the rest was cut off." in record.settings["notes"][0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "text: want words, got an empty text"),
        (" \n\t\u00a0", "text: want words"),
        ("a" * 10**6, "text: want at most 100,000 letters, got 1,000,000"),
        (5, r"text: want a text \(str\), got 5"),
        (["a", "b"], "text: want a text .*For several call attend_many"),
        (Path("a.txt"), r"For a file give its text: Path\(FILE\).read_text\(\)"),
        ({"input_ids": [[2, 10**6, 3]]}, "tokens: want at most 64 numbers from 0 to 78, got 3 from 2 to 1000000"),
        ({"input_ids": [[2, -1, 3]]}, "got 3 from -1 to 3"),
        ({"input_ids": torch.full((1, 500), 5)}, "got 500 from 5 to 5"),
        ({"input_ids": torch.ones(1, 2)}, "tokens: want tokens of one text"),
        ({"input_ids": torch.ones(1, 2).bool()}, "tokens: want tokens of one text"),
        ({"input_ids": [[1, 2], [3, 4]]}, "tokens: want tokens of one text"),
        ({"input_ids": [[1, 2], [3]]}, "tokens: want tokens of one text"),
        ({"input_ids": "abc"}, "tokens: want tokens of one text"),
        ({"input_ids": [10**30]}, "tokens: want tokens of one text"),
        ({"input_ids": []}, "tokens: want tokens of one text"),
        ({}, "tokens: want tokens of one text"),
        ({"input_ids": [2, 3], "attention_mask": [1]}, "tokens: want tokens of one text"),
        ({"input_ids": [2, 3], "attention_mask": "ab"}, "tokens: want tokens of one text"),
        (
            {"input_ids": [2, 3], "attention_mask": [0, 0]},
            "tokens: want a mask that keeps some, got one that keeps none",
        ),
    ],
)
def test_what_is_no_text_is_refused(folders: Path, given: Any, said: str) -> None:
    model = va.load(f"hf:{folders / 'bert'}")
    with cheap(), pytest.raises(GateError, match=said) as caught:
        model.attend(given)
    assert len(str(caught.value).splitlines()) == 1


def test_a_budget_holds_for_texts(folders: Path) -> None:
    with pytest.raises(BudgetError, match="want at most 0 MB of maps"):
        va.load(f"hf:{folders / 'bert'}").attend("the soup", budget=100)
