"""Imports go down only, between packages and between the rooms of the library; names of other places stay out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

OURS = {"app", "pages", "ui", "tutorials", "visualizer", "vit_attention", "worlds", "training", "benchmarks", "tests"}
MAY = {
    "app": {"ui"},
    "pages": {"ui", "tutorials", "visualizer", "vit_attention", "worlds"},
    "ui": {"ui", "tutorials", "visualizer", "vit_attention", "worlds"},
    "tutorials": {"tutorials", "visualizer", "vit_attention", "worlds"},
    "visualizer": {"visualizer", "vit_attention"},
    "vit_attention": {"vit_attention", "worlds"},
    "worlds": {"worlds"},
    "training": OURS - {"app", "pages", "ui", "tests"},
    "benchmarks": OURS - {"app", "pages", "ui", "tests"},
}
# The rooms of a package from top to bottom, folders and files alike: each imports only what stands below it. `adapters` are
# looked up by name when a model is loaded, so that they may stand below what loads them.
ROOMS = {
    "vit_attention": (
        "__main__",
        "visualize",
        "cli",
        "surveying",
        "judging",
        "doors",
        "doctor",
        "registry",
        "adapters",
        "models",
        "changes",
        "signals",
        "capture",
        "inputs",
        "weights",
        "networks",
        "records",
        "heavy",
        "gate",
        "compat",
    ),
    "visualizer": ("export", "figures", "words", "method", "measures", "style"),
    "ui": ("learn", "read", "judge", "explore", "parts", "store", "frame"),
}
WINGS = {"learn", "read", "judge", "explore"}
"""Rooms of ui that stand side by side: none imports another."""
# A record's short ways look up at visualizer, and only these files call them, inside the function that is asked.
DOORS = "vit_attention.doors"
MAY_ASK_DOORS = {f"vit_attention/{name}.py" for name in ("records/record", "models/many", "models/dual")}
AT_TOP = {"doors", "judging"}
"""Files beside the command line that look up at visualizer."""
HEAVY = {"torch", "torchvision", "transformers"}
FILES = sorted(p for p in [ROOT / "app.py", *(f for name in MAY for f in (ROOT / name).rglob("*.py"))] if p.exists())


def imported(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
            found += [f"{node.module}.{alias.name}" for alias in node.names if node.module in ("vit_attention", "ui")]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_only(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for name in imported(path):
        top = name.split(".")[0]
        if top in OURS:
            # The command line is the top of the library: it draws what the rest records; doors do so for a record,
            # judging and surveying for a model.
            at_top = path.parent.name in ("cli", "surveying") or (
                path.parent == ROOT / "vit_attention" and path.stem in AT_TOP
            )
            top_of_library = {"visualizer"} if at_top else set()
            assert top in MAY[package] | top_of_library, f"{package} must not import {name}"
        if top in HEAVY and package not in ("vit_attention", "training", "benchmarks"):
            assert (package, path.name) == ("ui", "heavy.py"), f"only vit_attention imports {top}"
        if top == "streamlit":
            bare = path == ROOT / "benchmarks" / "floor_app.py"  # the page that the app's are measured against
            assert package in ("app", "pages", "ui") or name.startswith("streamlit.proto") or bare, (
                "streamlit belongs to app, pages and ui"
            )
        if package == "visualizer" and top == "vit_attention":
            assert name.startswith(("vit_attention.records", "vit_attention.gate")), name


LIBRARY = [p for p in FILES if p.relative_to(ROOT).parts[0] in ROOMS and p.name != "__init__.py"]


@pytest.mark.parametrize("path", LIBRARY, ids=lambda p: str(p.relative_to(ROOT)))
def test_rooms_of_a_package_import_down_only(path: Path) -> None:
    package, room = path.relative_to(ROOT).with_suffix("").parts[:2]
    rooms = ROOMS[package]
    for name in imported(path):
        other = name.split(".")[1] if name.startswith(f"{package}.") else room
        if name == DOORS and path.relative_to(ROOT).as_posix() in MAY_ASK_DOORS:
            continue
        if {room, other} <= WINGS and package == "ui":
            assert room == other, f"{path.name}: a wing must not import {name}"
        elif other in rooms and other != room:
            assert rooms.index(other) > rooms.index(room), f"{package}: {room} must not import {name}"


def test_doors_are_opened_when_asked_and_not_before() -> None:
    for name in sorted(MAY_ASK_DOORS):
        top = ast.parse((ROOT / name).read_text("utf-8")).body
        found = {alias.name for one in top if isinstance(one, ast.ImportFrom) for alias in one.names}
        assert "doors" not in found, name


@pytest.mark.parametrize("package", ROOMS)
def test_every_room_of_a_package_has_its_floor(package: str) -> None:
    found = {p.relative_to(ROOT).with_suffix("").parts[1] for p in LIBRARY if p.relative_to(ROOT).parts[0] == package}
    assert found == set(ROOMS[package])


def test_hooks_live_in_the_capture_room_only() -> None:
    using = {
        p.relative_to(ROOT).as_posix()
        for p in FILES
        if re.search(r"register_(forward|full_backward|forward_pre)_?\w*hook", p.read_text("utf-8"))
    }
    assert using <= {"vit_attention/capture/hooks.py"}


def test_pages_are_short() -> None:
    for path in (ROOT / "pages").glob("*.py"):
        lines = path.read_text("utf-8").count("\n")
        assert lines <= 60, f"{path.name}: {lines} lines"
    assert (ROOT / "app.py").read_text("utf-8").count("\n") <= 45


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_backward_and_no_class_patches(path: Path) -> None:
    """`.backward()` writes to shared parameters and crashes the process when two sessions meet."""
    if path.relative_to(ROOT).parts[0] == "training":
        pytest.skip("training owns its model")
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr != "backward", path
            assert node.func.attr != "set_attn_implementation", path
