"""What it takes to add a method, a model of a known kind, a kind of attention, a page with its lesson: files, a row, a call."""

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
ROUTED = """
from streamlit.runtime import pages_manager
from streamlit.testing.v1 import AppTest, app_test

class Routed(pages_manager.PagesManager):
    def __init__(self, *args, **kwargs):
        pages_manager.PagesManager.uses_pages_directory = False
        super().__init__(*args, **kwargs)

app_test.PagesManager = Routed
page = AppTest.from_file("app.py", default_timeout=60)
page.query_params["panel"] = "code"
page.run()
"""
PLAYGROUND = """
page.switch_page("pages/playground.py").run()
assert "strongest" in page.selectbox(key="method").options, page.selectbox(key="method").options
page.selectbox(key="method").set_value("strongest").run()
assert not page.exception and not page.error
assert page.slider(key="power").value == 1.0
assert any('methods()["strongest"](record' in one.value for one in page.code)
assert any("--method strongest" in one.value for one in page.code)
assert "vit-l-32" in page.selectbox(key="model").options
"""
WING = '''"""Page "Summits": the largest weight of every head."""

from tutorials.findings import Context
from ui.parts import components, controls, lesson
from ui.parts.lesson import View


def bars(now: Context) -> None:
    """A bar for each head of the chosen layer."""
    largest = now.asking_rows()[now.chosen.layer].max(axis=-1)
    components.bar_chart(
        "summits",
        [(f"head {h + 1}", one) for h, one in enumerate(largest)],
        "largest weight",
        "{} {:.3f}",
        ("Largest weight of each head: ", "."),
        title=f"Largest weights of layer {now.chosen.layer + 1}",
    )


PAGE = lesson.Page("summits", {"bars": View(bars, ("layer", "query"))}, below=lambda now: None)
'''
SCRIPT = '''"""The largest weight of every head."""

from ui.frame import routing

routing.show("ui.learn.summits")
'''
FINDINGS = '''"""Findings of the page on summits."""

from tutorials.findings.context import Context, Finding


def highest(now: Context) -> Finding:
    """Number (1 first) of the head with the largest weight."""
    largest = now.asking_rows()[now.chosen.layer].max(axis=-1)
    best = int(largest.argmax())
    return Finding(float(best + 1), f"Head {best + 1} has the largest weight, {largest[best]:.1%}.")
'''
LESSON = """---
title: Summits
minutes: 5
story: A student read one number and took it for the whole row.
objectives: [read the largest weight of a row]
picture: scene-7
steps:
  - title: One number for each row
    view: bars
    text: The largest weight of a row says how much one token takes.
    look: the longest bar
  - title: Which head?
    view: bars
    text: The heads differ.
    set: {layer: 3}
    check:
      question: Which head has the largest weight?
      finding: summits.highest
      unit: number of the head
      hint: It has the longest bar.
glossary: [summit]
references: [none]
---
## Careful
One number is not the row.
"""
ROW = """  summits:
    title: Summits
"""
TERM = "summit: the largest weight of a row\n"
SUMMITS = """
import json
page.switch_page("pages/summits.py").run()
assert not page.exception and not page.error and not page.warning, (page.exception, page.error, page.warning)
assert page.title[0].value == "Summits"
(chart,) = page.get("plotly_chart")
(bars,) = json.loads(chart.proto.spec)["data"]
assert len(bars["hovertext"]) == 12
page.button(key="next").click().run()
assert "Which head has the largest weight?" in " ".join(one.value for one in page.markdown)
assert page.slider(key="layer").value == 3
import vit_attention as va
row = va.load("scene-vit").attend("scene-7").maps[2].weights[:, 0]
(answer,) = (one for one in page.number_input if one.label == "Answer (number of the head)")
answer.set_value(int(row.max(axis=1).argmax()) + 1).run()
said = " ".join(one.value for one in [*page.success, *page.info, *page.warning])
assert "Right." in said and not page.exception, said
page.switch_page("pages/glossary.py").run()
assert any("**summit**" in one.value for one in page.markdown)
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's code in another folder, with a method, a model and a page more."""
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
    _add_page(place)
    return place


def _add_page(place: Path) -> None:
    (place / "ui" / "learn" / "summits.py").write_text(WING)
    (place / "pages" / "summits.py").write_text(SCRIPT)
    (place / "tutorials" / "findings" / "summits.py").write_text(FINDINGS)
    (place / "tutorials" / "lessons" / "summits.md").write_text(LESSON)
    table = place / "ui" / "frame" / "pages.yaml"
    head, row, tail = table.read_text().partition("Read:\n")
    assert row
    table.write_text(head + ROW + row + tail)
    with (place / "tutorials" / "words" / "glossary.yaml").open("a", encoding="utf-8") as terms:
        terms.write(TERM)


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
    run(copy, "-c", ROUTED + PLAYGROUND)


def test_a_page_is_its_wing_its_script_its_lesson_its_findings_and_a_row(copy: Path) -> None:
    run(copy, "-c", ROUTED + SUMMITS)


def test_a_kind_of_attention_is_one_call(copy: Path) -> None:
    run(copy, "-c", KIND)
