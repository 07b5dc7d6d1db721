"""The example scripts run as their texts say, without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def test_the_python_examples_draw_and_read(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(TOOLS / "example_usage.py"), str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "Raw weights of layer 11: (1, 12, 197, 197), mean 0.0051" in done.stdout  # rows of 197 that sum to 1
    assert "2 maps of (2, 16, 16)" in done.stdout
    assert len(list((tmp_path / "captions").glob("attn_map_layer_*.png"))) == 3


@pytest.mark.skipif(sys.platform == "win32" or not shutil.which("bash"), reason="needs bash, which Windows has not")
def test_the_shell_examples_write_what_they_say(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", str(TOOLS / "example_usage.sh"), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHON": sys.executable},
    )
    assert done.returncode == 0, done.stderr
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert sum(name.startswith("all_layers/attn_map_layer_") for name in names) == 3
    assert [name for name in names if name.startswith("one_layer/heatmap")] == [
        "one_layer/heatmap_layer_0_refiner.layers.0.self_attn.png"
    ]
    assert any(name.startswith("one_head/") for name in names)
    raw = np.load(tmp_path / "scene-11" / "attn_raw_layer_11.npy")
    np.testing.assert_allclose(raw.sum(-1), 1, atol=1e-4)
