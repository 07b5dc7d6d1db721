"""What `pip install .` brings: the library and its command line, whole, and nothing of the app."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from setuptools import PEP420PackageFinder, find_packages

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("vit_attention", "visualizer", "worlds")
OTHERS = ("ui", "tutorials", "pages", "training", "benchmarks", "tests", "tools")
SKIPPED = shutil.ignore_patterns("__pycache__")


def test_discovery_finds_the_three_packages_and_no_other() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]["find"]
    finder = PEP420PackageFinder.find if wanted.get("namespaces", True) else find_packages
    found = set(finder(str(ROOT), include=wanted["include"]))
    by_hand = {
        ".".join(file.parent.relative_to(ROOT).parts) for top in PACKAGES for file in (ROOT / top).rglob("__init__.py")
    }
    assert found == by_hand
    assert {name.split(".")[0] for name in found} == set(PACKAGES)
    folders = {".".join(file.parent.relative_to(ROOT).parts) for top in PACKAGES for file in (ROOT / top).rglob("*.py")}
    assert folders == found, "a folder with code in it lacks its __init__.py"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy, so that nothing is left in the checkout and no older build gets into it."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for name in (*PACKAGES, *OTHERS):
        shutil.copytree(ROOT / name, copy / name, ignore=SKIPPED)
    for name in ("pyproject.toml", "README.md", "LICENSE", "app.py"):
        shutil.copy(ROOT / name, copy / name)
    # Without isolation it needs no network: setuptools is one of the development tools.
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*pip, "-w", str(out), str(copy)], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_library_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        commands = configparser.ConfigParser()
        (entry,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        commands.read_string(archive.read(entry).decode())
        (folder,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        described = archive.read(folder).decode()
        licences = {name.partition("/licenses/")[2] for name in archive.namelist() if "/licenses/" in name}
    files = (file for top in PACKAGES for file in (ROOT / top).rglob("*") if file.is_file())
    assert held == {file.relative_to(ROOT).as_posix() for file in files if "__pycache__" not in file.parts}
    assert {f"{top}/py.typed" for top in PACKAGES} <= held
    assert {"vit_attention/bundled/scene-vit.safetensors", "vit_attention/capture/__init__.py"} <= held
    assert {"NOTICE", "LICENSE.Apache-2.0", "LICENSE.MIT"} <= {Path(name).name for name in licences}
    assert all(f"License-File: {name}" in described for name in licences)
    assert dict(commands["console_scripts"]) == {"vit-attention": "vit_attention.__main__:main"}


def run(work: Path, *command: str | Path) -> str:
    around = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    around |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([*map(str, command)], cwd=work, env=around, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def place(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second environment that has the wheel, installed without what it depends on, and borrows that from this one."""
    around = tmp_path_factory.mktemp("environment")
    venv.create(around, with_pip=False, symlinks=os.name != "nt")
    scripts = around / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", str(scripts / "python"), "install", "-q", "--no-deps", "--no-index"]
    run(around, *pip, wheel)
    site = run(around, scripts / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    Path(site, "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return scripts


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("visualize", "scene-7", "--model", "scene-vit", "--layer", "9", "--truth"),
        ("visualize", "receipt-3-3", "--model", "receipt-donut", "--query", "field:total"),
        ("visualize", "cat", "--model", "photo-dino", "--layer", "0"),
    ],
    ids=lambda words: words[1],
)
def test_the_command_line_works_without_the_repository(place: Path, words: tuple[str, ...], tmp_path: Path) -> None:
    said = run(tmp_path, place / "vit-attention", *words, "--output", "out")
    assert list((tmp_path / "out").rglob("attn_map_layer_*.png")), said


@pytest.mark.slow
def test_the_ten_lines_of_the_readme_work_without_the_repository(place: Path, tmp_path: Path) -> None:
    code = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)[0]
    where = "import vit_attention, sys; print(vit_attention.__file__)\n"
    said = run(tmp_path, place / "python", "-c", where + code)
    assert said.splitlines()[0].startswith(str(place.parent))
    assert (tmp_path / "map.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "coffee.npz").stat().st_size > 1000
