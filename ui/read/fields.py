"""Page "From token to field": tokens gathered, numbered boxes on the page, the score of each, and every field's heat."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings.fields import page_sample
from tutorials.findings.page import Document, Reading
from ui.frame.state import DOCUMENT, FIELD
from ui.parts import components, controls, lesson, widgets
from ui.parts.lesson import View
from ui.read import field_heads, reading, reading_proof
from ui.read.reading import FIRST_FIELD, MOST_FIELDS
from ui.read.reading_proof import map_command
from ui.read.reading_view import BOXES, HEIGHT, boxes_shown, figure_height, page_shape
from visualizer.figures.mosaic import head_grid, sheet_height
from visualizer.figures.reading import OPACITY, fields_on_page, outline_name
from visualizer.measures.field_box import Proposal, boxed, proposals
from visualizer.measures.reading import field_heat, gather
from visualizer.measures.reading_score import FieldScore, field_scores
from visualizer.style import letters
from visualizer.words import maps as words
from visualizer.words.reading import shown
from vit_attention.cli.recipe import read_command
from vit_attention.records import AttentionRecord

TIGHT = "tight"
"""Key of the switch and name in the address."""
MOST_MAPS = 16
"""Maps that are drawn beside that of the field that they are gathered into."""
PHONE, WIDE = 342, 590
"""Pixels that maps side by side have across, on a phone and beside a text."""
SIGN = 6
"""Pixels that a sign of a map's name takes."""
HARD, YES = "\N{NO-BREAK SPACE}", ("no", "yes")
NOTHING = "The model wrote no field with a value on this page, so there is nothing to gather."


def tight(place: Any = None) -> bool:
    """Whether boxes are drawn tight round the ink; with a place, the switch is drawn there."""
    tip = "Off: a box is as coarse as the cells of the map. On: it is shrunk to the line of print that it touches."
    return widgets.toggle("Draw boxes tight round the ink", TIGHT, True, place=place, help=tip)


class Placed(NamedTuple):
    """Every field with its proposed box, and its score against the truth; no scores for an own page."""

    guesses: list[Proposal]
    scored: list[FieldScore]


def place_fields(
    model: Any,
    document: Document,
    prompt: str,
    layer: int | None,
    head: int | None,
    tight: bool,
    record: AttentionRecord,
) -> Placed:
    """The boxes of a record of the page, and their scores; a work for `Reading.run`, which keeps it."""
    how = (None if layer is None else [layer], None if head is None else [head], tight)
    truth = document.values
    return Placed(proposals(record, *how), field_scores(record, truth, *how) if truth else [])


def placed(now: Reading) -> Placed:
    """The fields as they are drawn now, at most `MOST_FIELDS`."""
    how = (now.prompt, now.layer, now.head, tight())
    found: Placed = now.run(place_fields, now.model, now.document, *how, record=now.record)
    return Placed(found.guesses[:MOST_FIELDS], found.scored)


def at(now: Reading) -> int:
    """Number of the chosen field, 0 first."""
    most = min(len(now.fields), MOST_FIELDS)
    return int(widgets.within(st.session_state.get(FIELD, FIRST_FIELD), 1, max(most, 1))) - 1


def heats(now: Reading) -> NDArray[np.float32]:
    """(fields, rows, columns) the heat of every field that is drawn."""
    return field_heat(now.heats(), now.fields[:MOST_FIELDS])


def written(now: Reading) -> bool:
    """Whether the model wrote a field with a value; says so if not."""
    if any(one.words for one in now.fields[:MOST_FIELDS]):
        if len(now.fields) > MOST_FIELDS:
            st.caption(f"Shown are the first {MOST_FIELDS} of {len(now.fields)} fields; the download holds all.")
        return True
    st.info(NOTHING)
    return False


def gathered(now: Reading) -> None:
    """The chosen field's tokens, its words, and the field: each map is the mean of those that it gathers."""
    if not written(now):
        return
    field = now.fields[at(now)]
    tokens = [token for word in field.words for token in word.tokens]
    of_words = gather(now.heats(), [word.tokens for word in field.words])
    maps = [*now.heats()[tokens], *of_words, heats(now)[at(now)]]
    names = [
        *(f"token {n + 1}: {shown(now.tokens[n])}" for n in tokens),
        *(f"word: {word.text}" for word in field.words),
        f"field: {field.text}",
    ]
    maps, names = maps[-MOST_MAPS:], names[-MOST_MAPS:]
    title = f"Field {at(now) + 1}, {field.path}: tokens, words, field"
    _grid(now, np.stack(maps), [name[:22] for name in names], "fields_gathered", title[:60])
    pieces = " | ".join(" + ".join(now.tokens[t].replace("▁", "") for t in word.tokens) for word in field.words)
    st.text(f"{field.path}: {field.text}\nIts words, each from its tokens: {pieces or 'none'}")


def boxes(now: Reading) -> None:
    """The page under the heat of the chosen field, with the box of every field; a click chooses one."""
    if not written(now):
        return
    number, height = at(now), figure_height(now)
    true = [one.true_box for one in placed(now).scored if boxes_shown(now) and one.true_box is not None]
    pick = partial(components.pick_number, FIELD)
    components.kept(now, "fields_page", _on_page, number, tight(), true, height, pick=pick)


def page(now: Reading) -> None:
    """The same, and beside it what was read right and how the boxes fit."""
    if not written(now):
        return
    found = placed(now)
    left, right = st.columns([3, 2])
    with left:
        boxes(now)
    with right:
        st.text(_told(found, at(now)))
        _summary(found.scored)


def _on_page(now: Reading, number: int, _tight: bool, true: list[Any], height: int) -> tuple[Any, str, str]:
    found, heat = placed(now), heats(now)[number]
    names = [f"{one.field.path}: {one.field.text}" for one in found.guesses]
    title = f"Read for field {number + 1}, {names[number]}"
    figure = fields_on_page(
        now.document.image,
        heat,
        now.record.geometry,
        [one.box for one in found.guesses],
        names,
        chosen=number,
        true=true,
        title=title[:120],
        height=height,
    )
    said = words.describe(heat, name=title, geometry=now.record.geometry)
    caption = f"{now.map_name().capitalize()}. The heat is that of field {number + 1}; its box is the thick one."
    return figure, said, caption


def _told(found: Placed, number: int) -> str:
    """The chosen field in words: what was written, what is printed, and how its box fits."""
    one = found.guesses[number].field
    said = f"{one.path}: {one.text}"
    if not found.scored:
        return said
    score = found.scored[number]
    true = "\nRead right." if score.right else f"\nPrinted: {score.true or 'nothing of this name'}"
    fit = f"\nOverlap with the true box (IoU): {score.iou:.2f}" if np.isfinite(score.iou) else ""
    return said + true + fit


def _summary(scored: Sequence[FieldScore]) -> None:
    if not scored:
        st.caption("The app does not know where the fields of your own page are printed, so nothing is scored.")
        return
    overlaps = [one.iou for one in scored if np.isfinite(one.iou)]
    st.metric("Read right", f"{sum(one.right for one in scored)} of {len(scored)}")
    st.metric("Middle in the true box", f"{sum(one.centre for one in scored)} of {len(scored)}")
    st.metric("Mean overlap (IoU)", f"{np.mean(overlaps):.2f}" if overlaps else "none")


def _look(now: Reading) -> None:
    if now.document.truth is not None:
        widgets.toggle("Show the true boxes", BOXES)


def scores(now: Reading) -> None:
    """Every field with its box and score; those that the model missed at the end."""
    if not written(now):
        return
    guesses, scored = placed(now)
    wrote, missed = scored[: len(guesses)], [one for one in scored if one.said is None]
    blank = [""] * len(missed)
    numbers = range(len(guesses))
    rows: dict[str, list[str]] = {
        "field": [*(str(n + 1) for n in numbers), *blank],
        "path": [*(one.field.path for one in guesses), *(one.path for one in missed)],
        "written": [*(one.field.text for one in guesses), *blank],
    }
    caption = "Box: left, top, right, bottom; each is a proposal from the heat."
    if scored:
        rows["read right"] = [*(YES[one.right] for one in wrote), *("not written" for _ in missed)]
        inside = (YES[one.centre] if one.box and one.true_box else "" for one in wrote)
        rows["middle in the true box"] = [*inside, *blank]
        rows["IoU"] = [*(f"{one.iou:.2f}" if np.isfinite(one.iou) else "" for one in wrote), *blank]
        caption = (
            "Box: left, top, right, bottom. IoU: the area that the proposed and the true box share, divided by the area that either "
            "covers, 0 to 1. Read right: the same characters as on the page."
        )
    rows["outline"] = [*(outline_name(n).replace(" ", HARD) for n in numbers), *blank]
    rows["box in pixels"] = [*(_box(one.box) for one in guesses), *blank]
    # A scroll box of its own, since the table is wider than its place.
    with st.container(height=min(HEIGHT, 110 + 42 * len(rows["field"]))):
        components.table(rows)
    st.caption(caption)
    components.say_wide()


def _box(box: Sequence[float] | None) -> str:
    return "none" if box is None else f",{HARD}".join(f"{v:.0f}" for v in box)


def glance(now: Reading) -> None:
    """Every field's heat; a click chooses one."""
    if not written(now):
        return
    found, names = heats(now), [f"{n + 1}: {one.path}"[:22] for n, one in enumerate(now.fields[:MOST_FIELDS])]
    _grid(now, found, names, "fields_glance", "The heat of every field", at(now))
    st.caption("Each field on a colour scale of its own. Click one to choose it.")


def _grid(
    now: Reading, maps: NDArray[np.float32], names: Sequence[str], key: str, title: str, chosen: int | None = None
) -> None:
    """Maps of the page side by side, in its proportions, each on a scale of its own."""
    pick = None if chosen is None else partial(components.pick_number, FIELD)
    components.kept(now, key, _side_by_side, maps, names, title, chosen, controls.on_phone(), pick=pick)


def _side_by_side(
    now: Reading, maps: NDArray[np.float32], names: Sequence[str], title: str, chosen: int | None, phone: bool
) -> tuple[Any, str]:
    geometry, shape = now.record.geometry, page_shape(now)
    laid = np.stack([geometry.place(one).values if geometry else one for one in maps])
    across = 3 if phone else _across(len(laid), shape)
    side = _side(len(laid), across, shape, PHONE if phone else WIDE, not phone)
    tall = sheet_height(len(laid), across, round(side * shape))
    parts = [name.partition(": ")[::2] for name in names]
    first, second = ([letters.cut(part, int(side / SIGN)) for part in some] for some in zip(*parts, strict=True))
    fig = head_grid(
        laid,
        names=first,
        captions=second,
        per_row=across,
        scale="per map",
        chosen=chosen,
        clickable=chosen is not None,
        title=title,
        height=tall,
        cell=shape * laid.shape[2] / laid.shape[1],  # in their proportions on the page
    )
    peaks = "; ".join(
        f"{label}, strongest cell {np.nanmax(one):.1%}" if np.isfinite(one).any() else f"{label}, nothing read"
        for label, one in zip(names, maps, strict=True)
    )
    return fig, f"{title}. {peaks}."


def _across(count: int, shape: float) -> int:
    """How many maps in a row leave each the most room beside a text."""
    return max(range(1, count + 1), key=lambda across: _side(count, across, shape, WIDE, True))


def _side(count: int, across: int, shape: float, width: int, bounded: bool) -> float:
    """Pixels of a map across, in a figure of a width and, if it is bounded, of `HEIGHT`."""
    room = (HEIGHT - sheet_height(count, across, 0)) / -(-count // across) / shape
    return (min(width / across, room) if bounded else width / across) - 4


def below(now: Reading) -> None:
    """What can be checked about the chosen field's heat, the code and the files."""
    if not any(one.words for one in now.fields[:MOST_FIELDS]):
        return
    number, snug = at(now), tight()
    heat = heats(now)[number]
    components.in_words(words.describe(heat, name=f"Read for field {number + 1}", geometry=now.record.geometry))
    reading_proof.card(now, heat, f"field {number + 1}")
    _code(now, number, snug)
    files: dict[str, tuple[str, Callable[..., bytes]]] = {
        "JSON with boxes": ("fields.json", partial(_json, tight=snug)),
        "This heat (PNG)": (
            f"field-{number + 1}.png",
            lambda now: reading_proof.overlay(now, heats(now)[number], f"Field {number + 1}"),
        ),
        "Every head (CSV)": ("heads.csv", lambda now: field_heads.heads_csv(page_sample(now))),
    }
    components.downloads("fields", files, now=now)


def _json(now: Reading, tight: bool) -> bytes:
    return json.dumps(boxed(now.record, now.layers, now.heads, tight), indent=2, ensure_ascii=False).encode()


def _code(now: Reading, number: int, tight: bool) -> None:
    lines = (
        "from visualizer.measures.field_box import boxed\n"
        "from visualizer.measures.fields import fields\n"
        "from visualizer.measures.reading import field_heat, token_heat, token_names\n\n"
        "found = fields(token_names(record))\n"
        "heats = field_heat(token_heat(record, layers, heads), found)  # (fields, rows, columns)\n"
        f"boxed(record, layers, heads, tight={tight})  # the JSON with the box of every field and word\n"
    )
    components.code_box(
        reading_proof.record_code(now) + lines,
        [
            read_command(
                [now.document.id],
                now.model,
                prompt=now.prompt,
                layer=now.layer,
                head=now.head,
                tight=tight,
            ),
            map_command(now, f"field:{now.fields[number].path}", alpha=OPACITY),
        ],
        "The first line saves the JSON with the boxes, the second draws this heat.",
    )


def _switch(_now: Reading) -> None:
    tight(st)


PAGE = lesson.Page(
    "fields",
    {
        "gathered": View(gathered, ("field", "layer", "head")),
        "boxes": View(boxes, ("field", "layer", "head"), under=_switch),
        "page": View(page, ("field", "layer", "head"), _look, _switch),
        "scores": View(scores, ("layer", "head"), under=_switch),
        "glance": View(glance, ("field", "layer", "head")),
        "heads": View(field_heads.cloud, ("layer", "head"), under=field_heads.measured_on),
        "list": View(field_heads.table, (), under=field_heads.measured_on),
    },
    below,
    reading.choose,
    reading.context,
    reading.remarks,
    DOCUMENT,
)
