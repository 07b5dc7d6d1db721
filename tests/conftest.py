"""Shared tiny models and records."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import numpy as np
import pytest
import torch

torch.set_num_threads(1)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Slow tests run only where they are asked for, as .ci/run does."""
    if item.get_closest_marker("slow") and os.environ.get("SIGHTLINES_SLOW") != "required":
        pytest.skip("slow: runs with SIGHTLINES_SLOW=required")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _no_cache_of_mine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests neither read nor fill the reader's own cache of downloads, and never look for a hub."""
    monkeypatch.setenv("SIGHTLINES_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def usual_signals() -> Callable[[], None]:
    """For a child process: signals end it as they usually do, also where the tests run in the background (nohup, &)."""

    def usual() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    return usual
