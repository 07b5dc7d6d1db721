"""Texts and labels give the same record whatever the caller's torch is set to, from threads, and in a row."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vit_attention as va
from tests.vit_attention.folders import dual_folder, picture, text_folder
from visualizer import methods
from vit_attention.gate import GateError

TEXT = "The soup was not good, the waiters slowed!"
LABELS = ["red ring", "soup"]
NEEDS = frozenset().union(*(methods()[name].needs for name in ("naive", "value", "value-value"))) | {"gradients"}
MODES = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: Any) -> Path:
    folder: Path = tmp_path_factory.mktemp("callers")
    text_folder(folder / "bert", "bert")
    dual_folder(folder / "clip", "clip")
    dual_folder(folder / "siglip", "siglip")
    return folder


def same(one: Any, other: Any) -> bool:
    """Whether two records hold the same weights, gradients, scores and signals."""
    close = [np.allclose(a.weights, b.weights, atol=1e-6) for a, b in zip(one.maps, other.maps, strict=True)]
    close += [np.allclose(a, b, atol=1e-6) for a, b in zip(one.gradients, other.gradients, strict=True)]
    close += [np.allclose(one.signals[name], other.signals[name], atol=1e-6) for name in one.signals]
    return all(close) and np.allclose(one.prediction.scores, other.prediction.scores, atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_labels_inside_a_callers_mode(folders: Path, family: str, mode: str) -> None:
    asked: dict[str, Any] = {"labels": LABELS, "target": "soup", "keep": NEEDS}
    plain = va.load(f"hf:{folders / family}").attend(picture(), **asked)
    with MODES[mode]():
        found = va.load(f"hf:{folders / family}").attend(picture(), **asked)
    assert same(found, plain)


@pytest.mark.parametrize("mode", MODES)
def test_texts_inside_a_callers_mode(folders: Path, mode: str) -> None:
    asked: dict[str, Any] = {"target": 1, "keep": methods()["masking"].needs | {"gradients"}}
    plain = va.load(f"hf:{folders / 'bert'}").attend(TEXT, **asked)
    with MODES[mode]():
        found = va.load(f"hf:{folders / 'bert'}").attend(TEXT, **asked)
    assert same(found, plain)


def test_threads_with_labels_of_their_own(folders: Path) -> None:
    model = va.load(f"hf:{folders / 'clip'}")
    sets = [[one, other] for one in ("red ring", "soup", "a", "slow") for other in ("blue square", "good")]

    def record(labels: list[str]) -> Any:
        return model.attend(picture(), labels=labels, target=labels[1], keep=NEEDS)

    alone = [record(one) for one in sets]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(record, sets * 2))
    assert [one.prediction.labels for one in together] == [tuple(one) for one in sets * 2]
    assert all(same(found, plain) for found, plain in zip(together, alone * 2, strict=True))


def test_texts_in_a_row_are_texts_for_a_dual_encoder(folders: Path) -> None:
    model = va.load(f"hf:{folders / 'clip'}")
    for given in (["red ring", "the soup was"], ("red ring", "the soup was"), np.array(["red ring", "the soup was"])):
        found = list(model.attend_many(given))
        assert [one.text for one in found] == ["red ring", "the soup was"]
        assert np.allclose(found[1].maps[0].weights, model.attend("the soup was").maps[0].weights, atol=1e-6)
    with pytest.raises(GateError, match="labels: want a picture beside them, got the text 'red ring'"):
        model.attend_many(["red ring"], labels=LABELS)


def test_a_text_of_no_tokens_is_refused(folders: Path, tmp_path: Path) -> None:
    for file in (folders / "bert").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    made = json.loads((tmp_path / "tokenizer.json").read_text())
    (tmp_path / "tokenizer.json").write_text(json.dumps({**made, "post_processor": None}))
    with pytest.raises(GateError, match=r"text: want words that the tokenizer knows, got '\\u200b \\x01'"):
        va.load(f"hf:{tmp_path}").attend("\u200b \x01")


def test_an_unknown_word_is_said_and_stays_a_word(folders: Path, tmp_path: Path) -> None:
    for file in (folders / "bert").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    said = json.loads((tmp_path / "tokenizer_config.json").read_text())
    del said["unk_token"]  # the vocabulary still has it
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(said))
    model = va.load(f"hf:{tmp_path}")
    record = model.attend("soup \u65e5 was")
    assert "Unknown to the tokenizer, and read as [UNK]: \u65e5." in record.settings["notes"]
    given = model.attend(model.tokenizer("soup \u65e5 was", return_tensors="pt"))
    assert given.maps[0].query.labels == record.maps[0].query.labels == ("soup", "[UNK]", "was", "[SEP]")
    assert (given.maps[0].query.words, given.text) == ((-1, 1, 2, 3, -1), "soup [UNK] was")


REFUSED = {
    "a pair": (
        lambda model: model.attend({"input_ids": [[2, 5, 3, 6, 3]], "token_type_ids": [[0, 0, 0, 1, 1]]}),
        "got a pair of texts, by token_type_ids",
    ),
    "tokens of several": (
        lambda model: model.attend_many(model.tokenizer([TEXT, "soup"], padding=True, return_tensors="pt")),
        "pictures: want a folder",
    ),
    "nothing to classify": (lambda model: model.classify(None), r"text: want a text \(str\), got None"),
    "a file to classify": (lambda model: model.classify(Path("a.txt")), r"want a text \(str\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_text_is_refused(folders: Path, name: str) -> None:
    call, said = REFUSED[name]
    with pytest.raises(GateError, match=said):
        call(va.load(f"hf:{folders / 'bert'}"))


def test_a_label_is_as_long_as_a_file_may_keep(folders: Path, tmp_path: Path) -> None:
    model = va.load(f"hf:{folders / 'clip'}")
    with pytest.raises(GateError, match="labels: want at most 1,000 letters, got 1,001"):
        model.labels(picture(), ["soup", "x" * 1001])
    longest = ["x" * 1000, "a\nb", "\x07", "<img src=x onerror=alert(1)>"]
    record = model.attend(picture(), labels=longest, target=0, keep=NEEDS)
    loaded = va.AttentionRecord.load(record.save(tmp_path / "labels.npz"))
    assert loaded.prediction.labels == tuple(longest)
    assert "<img src=x" not in loaded._repr_html_()


@pytest.mark.parametrize("precision", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_labels_of_a_network_in_another_precision(folders: Path, family: str, precision: torch.dtype) -> None:
    keep = NEEDS - {"gradients"} | methods()["logit-lens"].needs
    model: Any = va.load(f"hf:{folders / family}")
    wanted = model.attend(picture(), labels=LABELS, target="soup", keep=keep).signals
    model.module.to(precision)
    found = model.attend(picture(), labels=LABELS, target="soup", keep=keep).signals
    for name in ("naive", "value", "value-value"):
        np.testing.assert_allclose(found[name], wanted[name], atol=0.1 if precision.itemsize < 4 else 1e-5)
    assert np.isfinite(found["logit-lens"]).all()
