"""What a kind of model cannot do is said in a sentence that names what can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import vit_attention as va
from vit_attention.gate import GateError


@pytest.mark.parametrize(
    ("name", "ask", "said"),
    [
        ("scene-vit", lambda model: model.labels("scene-7", ["ring"]), "labels: want a model of pictures and texts"),
        (
            "scene-vit",
            lambda model: model.similarity("scene-7", "ring"),
            "similarity: want a model of pictures and texts",
        ),
        ("receipt-donut", lambda model: model.classify("receipt-3-3"), "classify: want a model with classes"),
        ("scene-clip", lambda model: model.classify("scene-7"), "classify: want a model with classes"),
        ("scene-vit", lambda model: model.attend("scene-7", labels=["ring"]), "labels="),
    ],
)
def test_what_a_kind_cannot_do_is_said(name: str, ask: Callable[[Any], Any], said: str) -> None:
    with pytest.raises(GateError, match=said):
        ask(va.load(name))
