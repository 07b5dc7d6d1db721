"""What a lesson's page shows at a step before anybody has touched it, without the page: for answer keys and worksheets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tutorials.claims import defaults
from tutorials.claims.fresh import geometry_of, looked, read
from tutorials.findings.captioning import Captioning
from tutorials.findings.captions import most_visible
from tutorials.findings.context import Context, Picture, Run, Selection
from tutorials.findings.labelled import offers
from tutorials.findings.page import Document, Inside, Reading
from vit_attention.records import AttentionRecord
from worlds.naming import parse
from worlds.sentences import Sentence

Set = Mapping[str, Any]
"""What a step sets, by the names of the address."""
KEYS = ("picture", "document", "scene", "text")
"""Keys of what is looked at."""


@dataclass(frozen=True)
class Named:
    """A model alone: no picture is looked at."""

    model: str
    run: Run = field(repr=False, compare=False)

    @property
    def view(self) -> tuple[object, ...]:
        """What the answers belong to."""
        return (self.model,)


def thing_of(given: Set, first: str) -> str:
    """What a step looks at: what it sets, or else what the lesson begins with."""
    return next((str(given[key]) for key in KEYS if key in given), first)


def model_of(page: str, given: Set, thing: str) -> str:
    """The bundled model that a page shows at first; for `model` and `leaderboard` what is looked at is a model."""
    if page in ("model", "leaderboard"):
        return str(given.get("board") or given.get("model") or thing or defaults.PICTURES[0])
    if page == "asking" or page in _READERS:
        return defaults.models(_ALIKE.get(page, page))[0]
    drawn = (known := parse(thing)) is not None and known.kind == "scene"
    return str(given.get("model") or defaults.PICTURES[0 if drawn else 1])


def view(page: str, given: Set, thing: str, run: Run) -> Any:
    """What the page's findings are given.

    Args:
        page: the lesson.
        given: what the step sets.
        thing: name of what is looked at, as in `worlds.naming`, a text, or a model.
        run: how models are run.

    Raises:
        ValueError: a thing that the page cannot look at.
    """
    model = model_of(page, given, thing)
    if page in ("model", "leaderboard"):
        return Named(model, run)
    return _MADE.get(page, _picture)(page, model, given, thing, run)


def _picture(page: str, model: str, given: Set, thing: str, run: Run) -> Context:
    known = parse(thing)
    picture = Picture.drawn(thing) if known and known.kind == "scene" else Picture.photograph(thing)
    labels = offers(picture) if page == "asking" else ()
    record = run(looked, model, picture, (("labels", labels),) if labels else ())
    label = labels[0] if labels else ""
    return Context(model, picture, record, _selected(page, record, given), run, labels=labels, label=label)


def _text(page: str, model: str, given: Set, thing: str, run: Run) -> Context:
    known = parse(thing)
    made = known.draw() if known else None
    picture = Picture.sentence(made.text, made) if isinstance(made, Sentence) else Picture.sentence(thing)
    record = run(looked, model, picture, ())
    return Context(model, picture, record, _selected(page, record, given), run)


def _selected(page: str, record: AttentionRecord, given: Set) -> Selection:
    """Layer, head and query token of a step: what it sets, and else what the page asks at first, as far as the record has it."""
    first, axis = defaults.chosen(page), record.maps[0].query
    layer = min(int(given.get("layer", first.layer + 1)), len(record.maps)) - 1
    head = given.get("head")
    chosen = replace(first, layer=layer, head=first.head if head is None else None if head == "mean" else int(head) - 1)
    if page == "trial" and chosen.head is None:  # its pickers never offer the mean
        chosen = replace(chosen, head=0)
    if axis.grid is None:
        return replace(chosen, row=0, column=0)
    rows, columns = axis.grid
    row = min(int(given.get("row", first.row + 1)), rows) - 1
    column = min(int(given.get("column", first.column + 1)), columns) - 1
    by_patch = given.get("ask") == "patch" or axis.prefix == 0
    return replace(chosen, row=row, column=column, query=axis.prefix + row * columns + column if by_patch else 0)


def _reading(page: str, model: str, given: Set, thing: str, run: Run) -> Reading:
    document = Document.drawn(thing)
    record = run(read, model, document, document.prompt)
    now = Reading(model, document, record, None, None, 0, run)
    layer, head = given.get("decoder_layer", len(now.maps)), given.get("decoder_head", "mean")
    layer, head = (None if one == "mean" else int(one) - 1 for one in (layer, head))
    return replace(now, layer=layer, head=head, token=int(given.get("token", 1)) - 1)


def _inside(page: str, model: str, given: Set, thing: str, run: Run) -> Inside:
    document = Document.drawn(thing)
    plan, geometry = run(defaults.stages_of, model, None), run(geometry_of, model, document)
    stage = int(given.get("stage", defaults.STAGE + 1)) - 1
    shifted = [n for n, shift in enumerate(plan[stage].shifts) if shift]
    block = int(given.get("block", (shifted or [0])[0] + 1)) - 1
    head = given.get("head", "mean")
    grid, place = plan[stage].grid, defaults.PLACE
    cell = [int(at * side) + 1 for at, side in zip(place, grid, strict=True)]
    chosen = (int(given.get("swin_row", cell[0])), int(given.get("swin_column", cell[1])))
    place = ((chosen[0] - 0.5) / grid[0], (chosen[1] - 0.5) / grid[1])
    number = None if head == "mean" else int(head) - 1
    return Inside(model, document, plan, stage, block, number, place, geometry, document.image, run)


def _captioned(page: str, model: str, given: Set, thing: str, run: Run) -> Captioning:
    known = parse(thing)
    picture = Picture.drawn(thing) if known and known.kind == "scene" else Picture.photograph(thing)
    now = Captioning(model, picture, run(looked, model, picture, ()), None, 0, run=run)
    return replace(now, word=int(given.get("word", most_visible(now) + 1)) - 1)


_READERS = ("reading", "fields", "swin", "merging", "captions", "refiner", "sentence")
_ALIKE = {"merging": "swin", "refiner": "captions"}
_MADE = {
    **dict.fromkeys(("reading", "fields"), _reading),
    **dict.fromkeys(("swin", "merging"), _inside),
    **dict.fromkeys(("captions", "refiner"), _captioned),
    "sentence": _text,
}
