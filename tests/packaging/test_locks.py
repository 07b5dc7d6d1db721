"""What pyproject.toml asks for, what the locks pin, and what the code imports agree."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BASE, EXTRAS = PROJECT["dependencies"], PROJECT["optional-dependencies"]
LOCKS = {
    "requirements.txt": [*BASE, *EXTRAS["app"]],
    "requirements-dev.txt": [*BASE, *chain.from_iterable(EXTRAS.values())],
}
PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = {  # sys_platform: names of the system and of its processors, as Python says them
    "linux": ("Linux", ("x86_64", "aarch64")),
    "darwin": ("Darwin", ("arm64",)),
    "win32": ("Windows", ("AMD64",)),
}
MACHINES = [(python, system, cpu) for python in PYTHONS for system in PLATFORMS for cpu in PLATFORMS[system][1]]


def lines(lock: str) -> list[str]:
    """What a lock asks for, without its comments."""
    return [line for line in (ROOT / lock).read_text("utf-8").splitlines() if line and not line.startswith("#")]


def pins(lock: str, machine: tuple[str, str, str]) -> dict[str, str]:
    """Name to version of all that a lock installs on a machine (version of Python, platform, processor)."""
    python, system, cpu = machine
    around = {
        **default_environment(),
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
        "platform_system": PLATFORMS[system][0],
        "platform_machine": cpu,
    }
    found: dict[str, str] = {}
    for wanted in map(Requirement, lines(lock)):
        if wanted.marker is None or wanted.marker.evaluate(around):
            name = canonicalize_name(wanted.name)
            assert name not in found, f"{lock} pins {name} twice on {machine}"
            (exact,) = wanted.specifier
            found[name] = exact.version
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_pins_one_exact_version_and_nothing_else(lock: str) -> None:
    for line in lines(lock):
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; .+)?", line), f"{lock}: {line}"
    # A wheel's place or a registry would hold on one machine only.
    assert not re.search(r"https?:|file:|--|/", (ROOT / lock).read_text("utf-8")), lock


@pytest.mark.parametrize("machine", MACHINES, ids="-".join)
@pytest.mark.parametrize("lock", LOCKS)
def test_all_that_is_asked_for_is_pinned_inside_its_range(lock: str, machine: tuple[str, str, str]) -> None:
    pinned = pins(lock, machine)
    for wanted in map(Requirement, LOCKS[lock]):
        name = canonicalize_name(wanted.name)
        assert name in pinned, f"{lock} lacks {wanted}; run `make lock`"
        assert pinned[name] in wanted.specifier, f"{lock} pins {name} {pinned[name]}, want {wanted}; run `make lock`"


@pytest.mark.parametrize("machine", MACHINES, ids="-".join)
def test_the_locks_agree(machine: tuple[str, str, str]) -> None:
    small, large = (pins(lock, machine) for lock in LOCKS)
    assert small.items() <= large.items(), small.items() - large.items()


@pytest.mark.parametrize("lock", LOCKS)
def test_what_torch_asks_for_by_itself_is_left_to_it(lock: str) -> None:
    ours = [line for line in lines(lock) if re.match(r"nvidia|cuda|triton", line)]
    assert not ours, f"{ours}: name what torch itself asks for in tools/left-out.txt and run `make lock`"


def test_the_pair_that_belongs_together_is_where_the_pins_say() -> None:
    wanted = {name: str(one.specifier) for one in map(Requirement, lines("tools/pins.txt")) for name in [one.name]}
    assert set(wanted) == {"torch", "torchvision"}
    for lock in LOCKS:
        pinned = pins(lock, MACHINES[0])
        assert {name: f"=={pinned[name]}" for name in wanted} == wanted, lock


# The top of each tree that is installed with a group of dependencies.
LIBRARY = ("vit_attention", "visualizer", "worlds")
APP = ("app.py", "pages", "ui", "tutorials")
REST = ("training", "benchmarks", "tools", "tests")


def foreign(top: str) -> dict[str, Path]:
    """Every module of others that is imported below, with one file that does."""
    path, found = ROOT / top, {}
    for file in [path] if path.is_file() else path.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [str(node.module)]
            found.update({name.split(".")[0]: file for name in names})
    ours = {Path(one).stem for one in (*LIBRARY, *APP, *REST)}
    return {name: file for name, file in found.items() if name not in ours | sys.stdlib_module_names}


@pytest.mark.parametrize(
    ("tops", "group"),
    [
        (LIBRARY, [*BASE, *EXTRAS["timm"], *EXTRAS["tables"]]),
        (APP, LOCKS["requirements.txt"]),
        (REST, LOCKS["requirements-dev.txt"]),
    ],
    ids=["library", "app", "rest"],
)
def test_what_is_imported_is_asked_for(tops: tuple[str, ...], group: list[str]) -> None:
    """Nothing that is imported comes only because something else happens to bring it."""
    asked = {canonicalize_name(Requirement(one).name) for one in group}
    brought_by = packages_distributions()
    for name, file in chain.from_iterable(foreign(top).items() for top in tops):
        bringers = {canonicalize_name(one) for one in brought_by.get(name, [name])}
        assert bringers & asked, f"{file.relative_to(ROOT)} imports {name}, which pyproject.toml does not ask for"
