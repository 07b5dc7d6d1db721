"""Types and names reach those who import the library."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SNIPPET = """\
import vit_attention as va
from visualizer import coverage, entropy, heads_on_mask, methods

model = va.load("scene-vit")
record = model.attend("scene-7")
many = model.attend_many(["scene-1", "scene-2"])
reveal_type(model)
reveal_type(record)
reveal_type(record.maps[0].weights)
reveal_type(record.heatmap(layer=9, size="original"))
reveal_type(record.overlay())
reveal_type(record.table("entropy"))
reveal_type([one for one in many])
reveal_type(many.table("entropy"))
reveal_type(methods()["raw"](record).values)
reveal_type(heads_on_mask(record, "mask.png").best())
reveal_type(va.open_picture("cat.png"))
reveal_type(entropy)
reveal_type(coverage)
"""
WANTED = [
    "vit_attention.models.model.Model",
    "vit_attention.records.record.AttentionRecord",
    "numpy.ndarray[",
    "numpy.ndarray[",
    "PIL.Image.Image",
    "pandas.core.frame.DataFrame",
    "list[vit_attention.records.record.AttentionRecord]",
    "pandas.core.frame.DataFrame",
    "numpy.ndarray[",
    "list[",
    "vit_attention.inputs.pictures.OpenedPicture",
    "def (",
    "def (",
]


@pytest.mark.slow
def test_a_type_checker_sees_what_callers_get(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SNIPPET)
    command = [sys.executable, "-m", "mypy", "--config-file=", "--ignore-missing-imports", str(tmp_path / "mine.py")]
    done = subprocess.run(
        [*command, f"--cache-dir={tmp_path}/cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    found = re.findall(r'Revealed type is "(.*)"', done.stdout)
    assert len(found) == len(WANTED), done.stdout + done.stderr
    for one, want in zip(found, WANTED, strict=True):
        assert one.removeprefix("builtins.").startswith(want), (one, want)


@pytest.mark.parametrize("package", ["vit_attention", "visualizer"])
def test_dir_lists_and_the_type_checker_sees_every_lazy_name(package: str) -> None:
    module = importlib.import_module(package)
    lazy = set(module._LAZY) if package == "vit_attention" else set(module._HOME)
    assert lazy <= set(dir(module))
    assert set(module.__all__) <= set(dir(module))
    assert set(module.__all__) >= lazy
    tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
    typed = next(one for one in tree.body if isinstance(one, ast.If) and ast.unparse(one.test) == "TYPE_CHECKING")
    named = {alias.name for one in typed.body if isinstance(one, ast.ImportFrom) for alias in one.names}
    assert named == lazy
    assert all(getattr(module, name) is not None for name in module.__all__)


def test_packages_are_marked_as_typed() -> None:
    assert all((ROOT / name / "py.typed").exists() for name in ("vit_attention", "visualizer", "worlds"))
