"""Pictures, pages and captions that no student has chosen and no model was trained on, each as a finding takes it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import singledispatch
from typing import Any

from tutorials.claims.verdict import PHOTOGRAPHS
from tutorials.findings.captioning import Captioning
from tutorials.findings.context import Context, Picture, Run
from tutorials.findings.page import Document, Inside, Reading
from tutorials.findings.reading import PAGES
from vit_attention.gate import GateError
from vit_attention.records import AttentionRecord, Geometry
from worlds.naming import parse, scene_name
from worlds.photographs import photographs
from worlds.sentences import sentence

COUNT, FIRST = 50, 700_001
"""How many are looked at, and the first one's seed: training draws from a billion on, menus and students stay below 10,000."""

Look = Callable[[Run], Any]
"""Runs a model on one fresh picture and gives what a finding takes."""


@singledispatch
def fresh(now: Any) -> tuple[str, list[Look]]:
    """What the pictures are, and one function for each that looks at it as `now` looks at its own.

    Raises:
        GateError: something that no fresh examples can be drawn of.
    """
    raise GateError("context", "a picture, a reading, an encoder's page or a captioned picture", type(now).__name__)


@fresh.register
def _(now: Context) -> tuple[str, list[Look]]:
    if now.of_text:
        return "made-up reviews", [_looking(now, _review, str(n)) for n in range(FIRST, FIRST + COUNT)]
    if now.picture.scene is None:
        names = [one.name for one in photographs().values() if one.outlines]
        return PHOTOGRAPHS, [_looking(now, Picture.photograph, name) for name in names]
    return "scenes", [_looking(now, Picture.drawn, name) for name in _scenes(now.picture.id)]


@fresh.register
def _(now: Captioning) -> tuple[str, list[Look]]:
    return "scenes", [_looking(now, Picture.drawn, name) for name in _scenes(now.picture.id)]


@fresh.register
def _(now: Reading) -> tuple[str, list[Look]]:
    def look(at: int, name: str) -> Look:
        def made(run: Run) -> Reading:
            page = Document.drawn(name)
            record = run(read, now.model, page, page.prompt)
            return replace(now, document=page, record=record, token=0, others=FIRST + COUNT + PAGES * at, run=run)

        return made

    names = list(_pages(now.document.id))
    return _things(names), [look(at, name) for at, name in enumerate(names)]


@fresh.register
def _(now: Inside) -> tuple[str, list[Look]]:
    def look(name: str) -> Look:
        def made(run: Run) -> Inside:
            page = Document.drawn(name)
            geometry = run(geometry_of, now.model, page)
            return replace(now, document=page, geometry=geometry, seen=page.image, run=run)

        return made

    names = list(_pages(now.document.id))
    return _things(names), [look(name) for name in names]


def _review(number: str) -> Picture:
    made = sentence(int(number), "held-out")
    return Picture.sentence(made.text, made)


def _looking(now: Any, opened: Callable[[str], Picture], name: str) -> Look:
    how: dict[str, Any] = {"beams": now.beams} if isinstance(now, Captioning) else {}
    if isinstance(now, Context):
        how |= {"size": now.size} if now.size else {}
        how |= {"labels": now.labels} if now.labels else {}

    def made(run: Run) -> Any:
        picture = opened(name)
        record = run(looked, now.model, picture, tuple(sorted(how.items())))
        return replace(now, picture=picture, record=record, run=run, **_clamped(now, record))

    return made


def _clamped(now: Any, record: AttentionRecord) -> dict[str, Any]:
    """The word or query that is asked about, where the new record has fewer."""
    if isinstance(now, Captioning):
        return {"word": 0}
    axis, chosen = record.maps[0].query, now.chosen
    if axis.kind == "text":
        return {"chosen": replace(chosen, query=min(chosen.query, len(axis) - 1))}
    rows, columns = axis.grid or (1, 1)
    row, column = min(chosen.row, rows - 1), min(chosen.column, columns - 1)
    asked = chosen.query if chosen.query < axis.prefix else axis.prefix + row * columns + column
    patches = tuple(n for n in chosen.patches if n < rows * columns)
    return {"chosen": replace(chosen, row=row, column=column, query=asked, patches=patches if len(patches) > 1 else ())}


def _scenes(like: str) -> Iterator[str]:
    """Names of fresh scenes of as many objects and the same difficulty as a scene; of any for another picture."""
    known = parse(like)
    asked = {} if known is None or known.kind != "scene" else {"objects": known.objects, "difficulty": known.difficulty}
    for seed in range(FIRST, FIRST + COUNT):
        yield scene_name(seed, asked.get("objects"), (asked.get("difficulty") or 50) / 100)


def _pages(like: str) -> Iterator[str]:
    """Names of fresh pages of the kind and length of a page; receipts of three articles for a page that was not drawn."""
    known = parse(like)
    kind, lines = ("receipt", 3) if known is None else (known.kind, known.lines)
    for seed in range(FIRST, FIRST + COUNT):
        yield f"{kind}-{seed}" + (f"-{lines}" if lines else "")


def _things(names: list[str]) -> str:
    return "forms" if names[0].startswith("form") else "receipts"


def looked(model: Any, picture: Picture, how: tuple[tuple[str, Any], ...]) -> AttentionRecord:
    """The record of a picture."""
    found: AttentionRecord = model.attend(picture.given, half=True, **dict(how))
    return found


def read(model: Any, page: Document, prompt: str) -> AttentionRecord:
    """The record of a reading: what each token was read from."""
    found: AttentionRecord = model.attend(page.image, prompt=prompt, kinds=("cross",))
    return found


def geometry_of(model: Any, page: Document) -> Geometry:
    """From a page to the encoder's input."""
    found: Geometry = model.prepare(page.image).geometry
    return found
