"""Figures as the browser receives them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import plotly.io
import pytest

from visualizer.style import sketch


def _decode(node: Any) -> Any:
    """Plotly's typed arrays as numpy arrays."""
    if isinstance(node, dict) and "bdata" in node:
        flat = np.frombuffer(base64.b64decode(node["bdata"]), dtype=np.dtype(node["dtype"]))
        return flat.reshape([int(n) for n in str(node["shape"]).split(",")]) if "shape" in node else flat
    if isinstance(node, dict):
        return {key: _decode(value) for key, value in node.items()}
    return [_decode(one) for one in node] if isinstance(node, list) else node


@pytest.fixture(autouse=True)
def checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every figure of these tests is checked by Plotly, property by property."""
    monkeypatch.setattr(sketch, "CHECKED", True)


@pytest.fixture
def sent() -> Callable[[go.Figure], dict[str, Any]]:
    """The JSON of a figure as Streamlit sends it, its typed arrays decoded."""
    return lambda fig: _decode(json.loads(plotly.io.to_json(fig)))


@pytest.fixture
def size() -> Callable[[go.Figure], int]:
    """Bytes of a figure over the wire."""
    return lambda fig: len(plotly.io.to_json(fig))
