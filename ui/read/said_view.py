"""How the map of a method for a token that was said is shown: title, caption, words, checks, code, command, files."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from tutorials.plain import plain
from ui.parts import components, snippets, trust
from ui.read.said import Said, Way
from visualizer.export import files as export
from visualizer.method import Map
from visualizer.style.scale import Scale
from visualizer.words.maps import describe
from vit_attention.cli.recipe import command


def title(said: Said, way: Way) -> str:
    """Over the figure of a map."""
    assert way.method is not None
    return f"{way.method.heading} for {said.name}"


def caption(found: Map, way: Way, more: str = "") -> str:
    """Under the figure of a map, with the first clause of what it means; Markdown."""
    assert way.method is not None
    meaning = re.split(r"[,.:;] ", way.method.meaning)[0].rstrip(".")
    return plain(f"{_capital(found.words)}. {meaning}.{more}")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def in_words(found: Map) -> str:
    """The strongest places of a map."""
    return describe(found.row, found.axis, _capital(found.words), found.unit, geometry=found.geometry)


def scales(way: Way, modes: Sequence[str]) -> Sequence[str]:
    """The colour scales on offer: the map of a method shares none, since those of the other tokens are not computed."""
    return ("raw", *modes[1:]) if way.name else modes


def card(said: Said, found: Map) -> None:
    """What can be checked about the attention behind a map."""
    trust.draw(f"For {found.words}; the attention behind it:", trust.proof(said.record))


def code(said: Said, found: Map, way: Way, made: str, drawn: Sequence[str], given: str) -> str:
    """The lines that make a map.

    Args:
        made: the lines before: what is looked at, and the model.
        drawn: the lines that draw it, and what they import.
        given: what the model is given, as an expression.
    """
    assert way.method is not None
    more = "".join(f", {name}={value!r}" for name, value in said.wanted(way.method).items() if value is not None)
    keep = f'methods()["{way.name}"].needs'
    if run := {knob.name: dict(way.knobs)[knob.name] for knob in way.method.run}:
        keep += f"_for({', '.join(f'{name}={value!r}' for name, value in run.items())})"
    attended = f"record = model.attend({given}{more}, keep={keep})\n" if said.runs else ""
    imports, draws = drawn
    return f"{made}from visualizer import methods\n{imports}\n{attended}found = {found.code}\nprint(found.words)\n{draws}\n"


def line(said: Said, way: Way, **look: Any) -> str:
    """The command that draws a map."""
    method = way.method
    assert method is not None
    short = {knob.name: knob.key for knob in (*method.knobs, *method.run)}
    options = {**said.asked(method), **{short[name]: value for name, value in way.knobs}, **look}
    if said.runs:
        return command(said.model, said.given.id, method=way.name, **options, **said.wanted(method))
    return command(None, said.given.title, method=way.name, **options)


def below(now: Any, found: Map, lines: tuple[str, Sequence[str], str], page: str, scale: Scale, opacity: float) -> None:
    """The map in words, what can be checked about it, the code, the command and the files.

    Args:
        now: the view, whose `asked` and `way` made the map.
        lines: made, drawn and given, as for `code`.
        page: its name.
    """
    components.in_words(in_words(found))
    card(now.asked, found)
    drawn = line(now.asked, now.way, alpha=opacity, **snippets.scaled(scale))
    components.code_box(code(now.asked, found, now.way, *lines), [drawn])
    components.downloads(page, files(f"{now.way.name}-{now.asked.row + 1}"), now=now)


def files(name: str) -> dict[str, tuple[str, Callable[[Any], bytes]]]:
    """Downloads of a map, for `components.downloads`; what is looked at has it as `found`."""
    return {
        "This map (PNG)": (f"{name}.png", _picture),
        "This map (CSV)": (f"{name}.csv", lambda now: components.csv(now.found.values)),
    }


def _picture(now: Any) -> bytes:
    found, image = now.found, now.record.image
    return export.overlay_png(
        image,
        found.values,
        now.record.geometry,
        _capital(found.words),
        settings=now.model,
        opacity=0.4,
        unit=found.unit,
    )
