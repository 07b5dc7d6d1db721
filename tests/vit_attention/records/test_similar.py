"""A similarity as text and back, and in files that strangers wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.vit_attention.records.bundles import classifier, pack
from vit_attention.gate import GateError
from vit_attention.records import AttentionRecord, Similar
from vit_attention.records.bundle import BundleError

TEXTS = {
    "similar:6,8": Similar((6, 8)),
    "similar@2,3:6,8": Similar((6, 8), token=(2, 3)),
    "similar@2,3:class": Similar("class", token=(2, 3)),
    "similar:cat.jpg": Similar("cat.jpg"),
    "similar:cat.jpg@6,8": Similar("cat.jpg", patch=(6, 8)),
    "similar@0,0:my cat: the 2nd.jpg@6,8": Similar("my cat: the 2nd.jpg", patch=(6, 8), token=(0, 0)),
    "similar:scene-7": Similar("scene-7"),
    "similar:odd@6,8@class": Similar("odd@6,8"),
    "similar:./6,8": Similar("./6,8"),
}


@pytest.mark.parametrize("text", TEXTS)
def test_texts_and_targets_are_each_others(text: str) -> None:
    assert Similar.parse(text) == TEXTS[text]
    assert str(TEXTS[text]) == text


def test_numbers_and_texts_of_a_patch_are_plain_numbers() -> None:
    found = Similar([np.int64(6), np.uint8(8)], token="2, 3")  # type: ignore[arg-type]
    assert (found.to, found.token) == ((6, 8), (2, 3))
    assert type(found.to[0]) is int
    assert Similar(np.array([6, 8])) == Similar((6, 8))


def test_a_picture_is_told_by_its_name_alone() -> None:
    assert str(Similar(Path("home/ada/cat.jpg"), patch=(6, 8))) == "similar:cat.jpg@6,8"
    assert str(Similar(Path("home/ada/6,8"))) == "similar:./6,8"
    assert str(Similar(Path("class"))) == "similar:./class"
    assert str(Similar("home/a\x1b[2Jb")) == "similar:a?[2Jb"
    assert str(Similar(np.zeros((4, 4, 3), np.uint8))) == "similar:another picture"
    assert Similar("home/ada/cat.jpg").words == "the similarity of the class token to the class token of cat.jpg"
    assert Similar((6, 8), token=(2, 3)).words == "the similarity of patch (2, 3) to patch (6, 8)"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"to": None}, "target: to: want a patch"),
        ({"to": ""}, "target: to: want a patch"),
        ({"to": 3}, "target: to: want a patch"),
        ({"to": (6,)}, "target: to: want row and column"),
        ({"to": (6, -1)}, "target: to: want row and column"),
        ({"to": (6, True)}, "target: to: want row and column"),
        ({"to": (6, 1.5)}, "target: to: want row and column"),
        ({"to": "cat.jpg", "patch": "class"}, "target: patch: want row and column"),
        ({"to": (6, 8), "patch": (1, 1)}, "target: patch: want patch= beside to=PICTURE"),
        ({"to": (6, 8), "token": 3}, "target: token: want row and column"),
        ({"to": (6, 8), "token": (6, 8)}, "target: want two tokens to compare, got one and the same"),
        ({"to": "class"}, "target: want two tokens to compare, got one and the same"),
    ],
)
def test_what_is_no_similarity_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(GateError, match=why):
        Similar(**given)


@pytest.mark.parametrize(
    "odd", ["star", "similar:", "similar:99,0", "similar@0,99:1,1", "similar:a\x1b[2J", "", 1.5, {}, True]
)
def test_an_odd_target_of_a_file_is_named(tmp_path: Path, odd: Any) -> None:
    manifest, arrays = classifier()
    manifest["prediction"]["target"] = odd
    (tmp_path / "bad.npz").write_bytes(pack(manifest, arrays))
    with pytest.raises(BundleError, match="target: "):
        AttentionRecord.load(tmp_path / "bad.npz")


def test_the_name_of_another_picture_is_only_a_name(tmp_path: Path) -> None:
    manifest, arrays = classifier()
    manifest["prediction"]["target"] = "similar:../../etc/passwd"
    (tmp_path / "one.npz").write_bytes(pack(manifest, arrays))
    assert str(AttentionRecord.load(tmp_path / "one.npz").prediction.target) == "similar:passwd"
