"""README and docs: their code runs, their commands run, their links lead somewhere, their messages exist, and they build."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
RUN = [page for page in PAGES if page.name == "README.md" or page.is_relative_to(ROOT / "docs")]
_BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)?(?:#([^)\s]+))?\)")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the pages speak of."""
    import vit_attention as va
    import vit_attention.compat
    from worlds.receipts import receipt
    from worlds.scenes import scene

    place = tmp_path_factory.mktemp("desk")
    drawn = scene(7)
    drawn.picture.save(place / "photo.jpg")
    Image.fromarray(np.uint8(255) * drawn.mask).save(place / "mask.png")
    for folder in ("photos", "receipts", "bundles", "methods"):
        (place / folder).mkdir()
    for number in range(3):
        scene(number).picture.save(place / "photos" / f"{number}.jpg")
    (place / "damaged.jpg").write_bytes((place / "photo.jpg").read_bytes()[:300])
    page = receipt(3, lines=1).picture
    page.save(place / "receipts" / "one.png")
    page.save(place / "scan.tif", save_all=True, append_images=[page])
    (place / "methods" / "last_two.py").write_bytes((ROOT / "docs" / "how-to" / "last_two.py").read_bytes())
    torch.manual_seed(0)
    torch.save(va.load("scene-vit").module.state_dict(), place / "my_checkpoint.pth")
    _folder(place / "my-vit")
    _text_folder(place / "my-bert")
    _timm(place / "tiny.safetensors")
    return place


def _folder(place: Path) -> None:
    import transformers

    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, image_size=112, patch_size=8
    )
    transformers.ViTForImageClassification(config).save_pretrained(place)


def _text_folder(place: Path) -> None:
    """A BERT as it is after fine-tuning: what `save_pretrained` writes of the model and of its tokenizer."""
    import transformers

    place.mkdir()
    words = "[PAD] [UNK] [CLS] [SEP] [MASK] the soup was not good ."
    (place / "vocab.txt").write_text("\n".join(words.split()), encoding="utf-8")
    config = transformers.BertConfig(
        vocab_size=11, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    transformers.BertForSequenceClassification(config).save_pretrained(place)


def _timm(file: Path) -> None:
    import safetensors.torch
    import timm

    safetensors.torch.save_file(timm.create_model("vit_tiny_patch16_224").state_dict(), file)


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_code_of_a_page_runs(page: Path, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    names: dict[str, object] = {"__name__": "__page__"}
    for kind, code in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "python":
            exec(compile(code, name_of(page), "exec"), names)
        else:
            _commands(code)


def _commands(code: str) -> None:
    from vit_attention.cli.app import main

    for line in code.splitlines():
        words = shlex.split(line, comments=True)
        if not words or "infos.pkl" in words:  # a checkpoint that is not ours to give
            continue
        if words[0] == "python" and words[1].startswith("tools/"):
            assert _script(words[1:]) == 0, line
        if words[0] != "vit-attention":
            continue
        if "last-two" in words:  # methods are found when the command line is imported
            around = {**os.environ, "SIGHTLINES_METHODS": "methods", "PYTHONPATH": str(ROOT)}
            done = subprocess.run([sys.executable, "-m", "vit_attention", *words[1:]], env=around, capture_output=True)
            assert done.returncode == 0, done.stderr.decode()
            continue
        result = CliRunner().invoke(main, words[1:])
        assert result.exit_code == 0, f"{line}\n{result.output}"


def _script(words: list[str]) -> int:
    """The exit code of a script of the repository, run in this process and in the folder of the files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / words[0]), run_name="__main__")
    return int(ended.value.code or 0)


def _anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target, anchor in _LINK.findall(_BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith(("http://", "https://")):
            continue
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), f"{name_of(page)} links to {target}"
        assert not anchor or anchor in _anchors(there), f"{name_of(page)} links to {target}#{anchor}"


def _texts() -> str:
    """What the code says: its strings without docstrings, a value of an f-string as a line's end."""
    found = []
    for top in ("vit_attention", "visualizer", "worlds", "ui"):
        for file in (ROOT / top).rglob("*.py"):
            nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
            silent = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
            found += [one.value for one in nodes if isinstance(one, ast.Constant) and id(one) not in silent]
            found += [_refusal(one) for one in nodes if isinstance(one, ast.Call) and len(one.args) > 2]
    return "\n".join(one for one in found if isinstance(one, str))


def _refusal(call: ast.Call) -> str:
    """The start of the sentence that a `GateError` makes of its first two arguments, up to a value of an f-string."""
    name, want = (
        next(iter(arg.values), None) if isinstance(arg, ast.JoinedStr) and arg.values else arg for arg in call.args[:2]
    )
    literal = isinstance(name, ast.Constant) and isinstance(want, ast.Constant)
    return f"{name.value}: want {want.value}" if literal else ""  # type: ignore[union-attr]


def test_messages_in_troubleshooting_are_those_of_the_code() -> None:
    page, code = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8"), _texts()
    quoted = re.findall(r"^\| `([^`]+)`", page, re.MULTILINE)
    assert len(quoted) >= 33
    assert [one for one in quoted if one not in code] == []


def test_the_tour_names_every_page() -> None:
    pages = yaml.safe_load((ROOT / "ui" / "frame" / "pages.yaml").read_text(encoding="utf-8"))
    tour = " ".join((ROOT / "docs" / "app.md").read_text(encoding="utf-8").split())
    titles = [page["title"] for of in pages.values() for page in of.values()]
    assert len(titles) >= 16
    assert [title for title in titles if title not in tour] == []


def test_a_picture_in_the_docs_is_one_that_the_command_takes() -> None:
    from benchmarks.screenshots import SHOTS

    taken = {f"{shot.name}.png" for shot in SHOTS}
    shown = set(re.findall(r"[(\"]([\w-]+\.png)", (ROOT / "docs" / "app.md").read_text(encoding="utf-8")))
    assert shown == taken == {file.name for file in (ROOT / "docs").glob("*.png")}


def test_the_step_in_contributing_is_one() -> None:
    from tutorials.lessons import _require_step, _step

    (told,) = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.M | re.S)
    (said,) = yaml.safe_load(told)
    step = _step(said)
    _require_step("CONTRIBUTING.md", step)
    assert step.check is not None
    assert step.check.before == "chosen"


def test_the_citation_is_of_this_version_and_has_the_fields_of_its_format() -> None:
    said = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed, more = (
        {"cff-version", "message", "title", "authors"},
        {"type", "abstract", "version", "license", "keywords"},
    )
    assert needed <= said.keys() <= needed | more
    assert (said["cff-version"], said["version"]) == ("1.2.0", project["version"])
    assert said["license"] == "MIT"  # a list of licences would mean that one may choose among them


def test_figures_of_photo_dino_are_those_that_its_command_measured() -> None:
    from vit_attention.models.cards import BUNDLED
    from worlds.photographs import photographs

    page = (ROOT / "docs" / "bundled.md").read_text(encoding="utf-8")
    measured = json.loads((BUNDLED / "photo-dino.json").read_text(encoding="utf-8"))
    names = {one.file.name: name for name, one in photographs().items()}
    for file, cosine in measured["cosine"].items():
        held_out = measured["cosine_held_out"].get(file)
        shown = "" if held_out is None else f"{held_out:.5f}"
        assert re.search(rf"^\| {names.get(file, 'moon.*')} \| {cosine:.5f} \| {shown} \|$", page, re.MULTILINE), file
    assert f"at most {measured['runtime_difference']:.1e}" in page
    assert f"{measured['bytes'] / 1e6:.1f} MB instead" in page


@pytest.mark.parametrize(("page", "package"), [("library.md", "vit_attention"), ("visualizer.md", "visualizer")])
def test_reference_has_every_public_name(page: str, package: str) -> None:
    text = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    public = importlib.import_module(package).__all__
    assert [name for name in public if not re.search(rf"{package}[\w.]*\.{name}$|`{name}`", text, re.MULTILINE)] == []


@pytest.mark.slow
def test_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "docs", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert "vit_attention.AttentionRecord" in (tmp_path / "reference" / "library.html").read_text(encoding="utf-8")
    assert "--colormap" in (tmp_path / "reference" / "command-line.html").read_text(encoding="utf-8")
