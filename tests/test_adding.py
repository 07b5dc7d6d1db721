"""What it takes to add a method, a model of a known kind and a kind of attention: one file, one row, one call."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

METHOD = '''"""The largest weight of any layer."""

import numpy as np

from visualizer.method.base import SHARE, Knob, Method, answer
from visualizer.method.question import askers, weights_of

POWER = Knob("power", 1.0, "Power", "What every weight is raised to.", low=0, high=4, step=0.5)


def _strongest(record, question, knobs):
    maps = question.chain(record)
    one = maps[max(maps)]
    who = askers(one.query, question.query)
    rows = [who.together(weights_of(layer, who.rows)).max(axis=0) for layer in maps.values()]
    return answer(record, one, who, np.max(rows, axis=0) ** knobs["power"], "largest of all layers", SHARE, one.layer)


METHOD = Method(_strongest, meaning="The largest weight of any layer and head.", knobs=(POWER,), layers="until")
'''
CARD = """    _torchvision(
        "vit-l-32", "ViT-L/32, ImageNet", 306_535_400, 1226.1, "7 x 7", 16, "ViT_L_32_Weights.IMAGENET1K_V1"
    ),
"""
KIND = """
import torch, vit_attention as va
from torch import nn

class Squared(nn.Module):
    def forward(self, x):
        scores = (x @ x.mT).relu() ** 2 + 1e-3
        return (scores / scores.sum(-1, keepdim=True)) @ x

def weights(module, output, inputs):
    scores = (inputs["x"] @ inputs["x"].mT).relu() ** 2 + 1e-3
    return scores / scores.sum(-1, keepdim=True)

va.register_kind(Squared, weights, "self", values=lambda module, output, inputs: inputs["x"])
net = nn.Sequential(Squared(), Squared())
with torch.inference_mode(), va.capture(net) as seen:
    net(torch.randn(1, 5, 4))
assert [one.layer for one in seen] == [0, 1] and seen[0].weights.shape == (1, 1, 5, 5) and seen[0].residual < 1e-5
"""
PAGE = """
from streamlit.runtime import pages_manager
from streamlit.testing.v1 import AppTest, app_test

class Routed(pages_manager.PagesManager):
    def __init__(self, *args, **kwargs):
        pages_manager.PagesManager.uses_pages_directory = False
        super().__init__(*args, **kwargs)

app_test.PagesManager = Routed
page = AppTest.from_file("app.py", default_timeout=60).run()
page.switch_page("pages/playground.py").run()
assert "strongest" in page.selectbox(key="method").options, page.selectbox(key="method").options
page.selectbox(key="method").set_value("strongest").run()
assert not page.exception and not page.error
assert page.slider(key="power").value == 1.0
assert any('methods()["strongest"](record' in one.value for one in page.code)
assert any("--method strongest" in one.value for one in page.code)
assert "vit-l-32" in page.selectbox(key="model").options
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's code in another folder, with one file and one row more."""
    place = tmp_path_factory.mktemp("house")
    for name in ("vit_attention", "visualizer", "worlds", "tutorials", "ui", "pages", "tools"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("bundled", "__pycache__"))
    (place / "vit_attention" / "bundled").symlink_to(ROOT / "vit_attention" / "bundled")
    for name in ("app.py", ".streamlit"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, place / name)
    (place / "visualizer" / "method" / "strongest.py").write_text(METHOD)
    cards = place / "vit_attention" / "models" / "cards.py"
    head, row, tail = cards.read_text().partition("CARDS: tuple[Card, ...] = (\n")
    assert row
    cards.write_text(head + row + CARD + tail)
    return place


def run(place: Path, *words: str, **around: str) -> str:
    env = {**os.environ, **around}
    done = subprocess.run([sys.executable, *words], cwd=place, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_method_is_one_file(copy: Path) -> None:
    code = (
        "import numpy as np, vit_attention as va; from visualizer import methods\n"
        "record = va.load('scene-vit').attend('scene-7', layers=[0, 1])\n"
        "found = methods()['strongest'](record, query=(6, 8), power=2)\n"
        "rows = [one[:, 1 + 6 * 14 + 8] for one in record.layers]\n"
        "assert np.allclose(found.row, np.maximum(*(row.max(axis=0) for row in rows)) ** 2)\n"
        "print(found.code)"
    )
    assert run(copy, "-c", code).strip() == 'methods()["strongest"](record, query=(6, 8), power=2.0)'
    told = run(copy, "-m", "vit_attention", "visualize", "--help")
    assert "|strongest" in told
    assert "strongest: The largest weight of any layer and head." in " ".join(told.split())
    assert "--power" in told
    run(copy, "-m", "tools.tables")
    assert "| `strongest` | The largest weight of any layer and head. |" in (copy / "docs" / "methods.md").read_text()


def test_a_method_may_lie_in_a_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "loudest.py").write_text(METHOD)
    told = run(ROOT, "-m", "vit_attention", "visualize", "--help", SIGHTLINES_METHODS=str(tmp_path))
    assert "|loudest" in told
    assert "--power" in told
    assert "|loudest" not in run(ROOT, "-m", "vit_attention", "visualize", "--help", SIGHTLINES_METHODS="")


def test_a_model_of_a_known_kind_is_one_row(copy: Path) -> None:
    assert "vit-l-32" in run(copy, "-c", "import vit_attention as va; print([one.name for one in va.models()])")
    assert "vit-l-32" in run(copy, "-m", "vit_attention", "models")
    run(copy, "-m", "tools.tables")
    assert "| `vit-l-32` | ViT (torchvision) |" in (copy / "docs" / "models.md").read_text()


def test_pages_offer_both(copy: Path) -> None:
    run(copy, "-c", PAGE)


def test_a_kind_of_attention_is_one_call(copy: Path) -> None:
    run(copy, "-c", KIND)
