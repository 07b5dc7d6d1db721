"""What can be checked about the map of a label, and how to make it and its neighbours elsewhere: code, commands, files."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tutorials.findings import Context
from ui.parts import components, films, labels, parts, snippets, trust
from ui.read.asking_labels import answer, compared
from visualizer.method import Map, Method
from visualizer.words.maps import describe

CODE = """from visualizer.figures.comparison import side_by_side
from visualizer.figures.overlay import overlay

overlay(record.image, values, record.geometry, signed=True, unit=found.unit).show()
maps = [methods()[NAME](record, query=label, layer=layerMORE) for label in labels]
side_by_side(record.image, maps, labels, scale="shared").show()
"""
WINNER = """winner = methods()[NAME](record, layer=layer, show="winner"MORE)
overlay(record.image, winner.values, record.geometry, scale=winner.scale(), unit=winner.unit).show()
"""


def draw(now: Context, method: Method, knobs: dict[str, Any], look: Mapping[str, Any]) -> None:
    """Words, trust card, code and files of the map of the label that is asked about."""
    now = compared(now, method, knobs)
    found = answer(now, method, knobs)
    components.in_words(describe(found.values, None, f"{found.words[0].upper()}{found.words[1:]}", found.unit))
    trust.draw(f"For {found.words}.", [*trust.proof(now.record), *labels.facts(now, found.values)])
    code = snippets.map_code(now, method.name, found, "", knobs) + CODE + WINNER * (len(now.labels) > 1)
    more = "".join(f", {name}={one!r}" for name, one in knobs.items())
    code = code.replace("NAME", repr(method.name)).replace("MORE", more)
    components.code(now, code, _commands(now, method, knobs, look))
    asked: dict[str, Any] = {"method": method, "knobs": knobs, "look": dict(look)}
    files: dict[str, tuple[str, Callable[..., bytes]]] = {
        "Picture (PNG)": ("label.png", partial(_png, **asked, show="label")),
        "Table (CSV)": ("label.csv", partial(_csv, method=method, knobs=knobs, show="label")),
        "Record (NPZ)": ("record.npz", _record),
    }
    if len(now.labels) > 1:
        files |= {"Winner (PNG)": ("winner.png", partial(_png, **asked, show="winner"))}
        files |= {"Winner (CSV)": ("winner.csv", partial(_csv, method=method, knobs=knobs, show="winner"))}
    components.downloads("asking", files, now=now)
    films.downloads(now, method, "", knobs, look)


def _commands(now: Context, method: Method, knobs: Mapping[str, Any], look: Mapping[str, Any]) -> list[str]:
    """The lines that draw the map, all labels on one scale, the winner, and the film."""
    paint = {"colormap": look["colormap"], "alpha": look["opacity"]}
    made = films.options(now, films.choices(now, method, knobs, None))
    all_of_them = replace(now, label="")
    lines = [
        snippets.command(now, method.name, "", knobs, **paint, **snippets.scaled(look["scale"])),
        snippets.command(all_of_them, method.name, "", knobs, **paint, scale="shared"),
        snippets.command(now, method.name, "", knobs, **paint, **made),
    ]
    if len(now.labels) > 1:
        lines.insert(2, snippets.command(all_of_them, method.name, "", {**knobs, "show": "winner"}, **paint))
    return lines


def _png(now: Context, method: Method, knobs: dict[str, Any], look: Mapping[str, Any], show: str) -> bytes:
    found = answer(now, method, knobs, show=show)
    how = {**{name: one for name, one in look.items() if name != "smooth"}, "scale": found.scale(look["scale"])}
    more: dict[str, Any] = {"signed": True} if found.signed else {}
    return components.png(now, found.values, found.words, unit=found.unit, settings=_settings(now), **how, **more)


def _settings(now: Context) -> str:
    return f"{now.model}; {now.picture.title}"


def _csv(now: Context, method: Method, knobs: dict[str, Any], show: str) -> bytes:
    found: Map = answer(now, method, knobs, show=show)
    return components.csv(found.values, found.colours)


def _record(now: Context) -> bytes:
    return parts.saved(now.record.save)
