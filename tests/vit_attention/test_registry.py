"""Names that people type, and what is said where a library is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import vit_attention as va
from vit_attention.gate import GateError
from vit_attention.models.names import ModelNameError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("vit_b_16", "vit-b-16"),
        ("ViT_B_16", "vit-b-16"),
        (" Scene-ViT ", "scene-vit"),
        ("google/vit-base-patch16-224", "hf:google/vit-base-patch16-224"),
        ("https://huggingface.co/facebook/dino-vits16", "hf:facebook/dino-vits16"),
        ("HF:openai/clip-vit-base-patch32", "hf:openai/clip-vit-base-patch32"),
        ("facebook/deit-tiny-patch16-224", "deit-tiny"),
        ("https://huggingface.co/facebook/dinov2-with-registers-small", "dinov2-small-registers"),
        ("DINOv2_small", "dinov2-small"),
        ("naver-clova-ix/donut-base-finetuned-cord-v2", "donut-cord"),
        ("timm/vit_base_patch16_224.augreg_in21k", "timm:vit_base_patch16_224.augreg_in21k"),
    ],
)
def test_another_name_of_exactly_the_same_model_works(typed: str, name: str) -> None:
    assert va.card(typed).name == name


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("ViT-B/16", "Did you mean 'vit-b-16'"),
        ("vit-b-61", "Did you mean 'vit-b-16'"),
        ("deit_tiny_patch16_224", "Did you mean 'timm:deit_tiny_patch16_224'"),
        ("vit_small_patch14_dinov2.lvd142m", "Did you mean 'timm:vit_small_patch14_dinov2.lvd142m'"),
        ("vit-base-patch16-224", "Did you mean 'google/vit-base-patch16-224'"),
        ("dinov2_vits14", "Did you mean 'dinov2-small'"),
        ("DeiT-Tiny/16", "Did you mean 'deit-tiny'"),
        ("model.pth", "weights file: give the name of its model"),
        ("./nowhere", "no folder of this name"),
        ("", "want one of scene-vit"),
        ("a\x00b", r"got 'a\\x00b'"),
        (None, "want a name"),
        (3, "want a name"),
    ],
)
def test_other_names_are_answered(typed: Any, words: str) -> None:
    for ask in (va.card, va.load):
        with pytest.raises(ModelNameError, match=words):
            ask(typed)


def test_a_folder_is_one_of_the_transformers_library(tmp_path: Path) -> None:
    with pytest.raises(ModelNameError, match=r"has no config\.json"):
        va.card(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert va.card(tmp_path).name == va.card(str(tmp_path)).name == f"hf:{tmp_path}"


BLOCKED = """
import runpy, sys

missing = sys.argv[1]

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
what, sys.argv = sys.argv[2], ["vit-attention", *sys.argv[3:]]
if what == "-m":
    runpy.run_module("vit_attention", run_name="__main__")
import vit_attention as va
try:
    eval(what)
except va.heavy.LibraryError as error:
    print(error)
"""


def without(library: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BLOCKED, library, *words], cwd=ROOT, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("library", "what"),
    [
        ("torch", "va.load('scene-vit')"),
        ("torch", "va.record_of"),
        ("torchvision", "va.load('vit-b-16')"),
        ("transformers", "va.load('receipt-donut')"),
        ("timm", "va.load('timm:vit_base_patch16_224')"),
    ],
)
def test_a_missing_library_is_one_sentence(library: str, what: str) -> None:
    done = without(library, what)
    assert done.stdout == f"{library}: want this library to be installed, got none. Install it: pip install {library}\n"


@pytest.mark.parametrize(("library", "words"), [("click", ["--help"]), ("torch", ["visualize", "scene-7"])])
def test_so_it_is_on_the_command_line(library: str, words: list[str], tmp_path: Path) -> None:
    done = without(
        library, "-m", *words, *([] if library == "click" else ["--model", "scene-vit", "--output", str(tmp_path)])
    )
    assert done.returncode == 2
    assert f"{library}: want this library to be installed" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_library_that_does_not_start_is_told(tmp_path: Path) -> None:
    (tmp_path / "timm.py").write_text("raise OSError('libcudart.so.12: cannot open shared object file')")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nimport vit_attention as va\nva.load('timm:test_vit')"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert "LibraryError: timm: want a library that starts, got OSError: libcudart.so.12" in done.stderr


def test_weights_that_are_no_name_are_refused() -> None:
    with pytest.raises(GateError, match="weights: want a file's or folder's name, or None, got 5"):
        va.load("scene-vit", weights=5)  # type: ignore[arg-type]
