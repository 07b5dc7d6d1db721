"""What the app keeps of a finding's work, and what it runs again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ui.store import resources
from vit_attention import registry

RUN: list[tuple[Any, ...]] = []


def work(model: Any, picture: Any, *args: Any, given: Any = None) -> int:
    RUN.append((model, picture.key, *args))
    return len(RUN)


def test_a_work_runs_once_for_each_model_picture_and_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "model", lambda name: f"loaded {name}")
    first, second = SimpleNamespace(key="kept-1"), SimpleNamespace(key="kept-2")
    asked = [("a", first), ("b", first), ("a", second), ("a", first, 3), ("a", first, (3, 4))]
    outcomes = [resources.run(work, *one, given=object()) for one in asked]
    assert outcomes == [1, 2, 3, 4, 5]
    assert [resources.run(work, *one, given=object()) for one in asked] == outcomes
    assert RUN[0] == ("loaded a", "kept-1")
    assert RUN[4] == ("loaded a", "kept-1", (3, 4))
    assert resources.running.acquire(blocking=False), "the model is free again"
    resources.running.release()


@pytest.mark.parametrize("name", ["photo-dino", "scene-vit"])
def test_a_bundled_model_in_eight_bits_computes_exactly_what_it_did(name: str) -> None:
    small, whole = resources._loaded(name), registry.load(name)
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for one, other in zip(small.attend(picture).maps, whole.attend(picture).maps, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
    numbers = [sum(p.numel() for p in model.module.parameters()) for model in (small, whole)]
    assert (numbers[0] < numbers[1] / 3) == (name == "photo-dino")
