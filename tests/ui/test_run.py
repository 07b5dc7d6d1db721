"""What the app keeps of a finding's work, and what it runs again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ui import resources

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
