"""The parts of page "From token to field": numbered boxes on the page, the score of each, and the heads ranked."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings.fields import name, page_sample, rates
from tutorials.findings.page import BUNDLED, Reading
from tutorials.findings.reading import PAGES, several_pages
from ui import components, controls, read_commands, reading_snippets, reading_trust
from ui.reading import HEAD, LAYER
from ui.reading_view import BOXES
from ui.reading_window import figure_height, page_shape
from visualizer.export import files as export
from visualizer.figures.charts import focus_against_hits
from visualizer.figures.mosaic import head_grid
from visualizer.figures.reading import OPACITY, fields_on_page, outline_name
from visualizer.measures.field_box import Proposal, boxed, proposals
from visualizer.measures.head_sample import KINDS, Sample
from visualizer.measures.ranks import rank_correlation, ranks
from visualizer.measures.reading import field_heat
from visualizer.measures.reading_score import FieldScore, field_scores
from visualizer.words import maps as words

FIELD, TIGHT, MEASURED = "field", "tight", "measured"
"""Keys of the page's widgets and names in the address; fields count from 1 there."""
THIS_PAGE, OTHERS = "this page", f"{PAGES} other receipts"
PAGE, GLANCE, CLOUD = "fields_page", "fields_glance", "fields_cloud"
MOST_FIELDS = 60
"""Fields drawn and listed at most; the download holds all."""
AGAIN = "fields_all_again"
HARD = "\N{NO-BREAK SPACE}"


@st.fragment
def live(now: Reading) -> None:
    """The page with its boxes, the table of fields, what can be checked, every field's heat, code and files."""
    found = now.fields[:MOST_FIELDS]
    if not any(one.words for one in found):
        st.info("The model wrote no field with a value on this page, so there is nothing to gather.")
        return
    if len(now.fields) > MOST_FIELDS:
        st.caption(f"Shown are the first {MOST_FIELDS} of {len(now.fields)} fields; the download holds all.")
    heats = field_heat(now.heats(), found)
    left, right = st.columns([3, 2])
    with right:
        at = _picker(now, len(found))
        tight = st.toggle(
            "Draw boxes tight round the ink", True, key=TIGHT, **controls.KEEP,
            help="Off: a box is as coarse as the cells of the map. On: it is drawn in to the line of print it touches.",
        )  # fmt: skip
    guesses = proposals(now.record, now.layers, now.heads, bool(tight))[:MOST_FIELDS]
    scored = (
        field_scores(now.record, now.document.values, now.layers, now.heads, bool(tight)) if now.document.values else []
    )
    with left:
        _page(now, heats[at], guesses, at, scored)
    with right:
        _summary(scored)
        st.caption("Click a box on the page, or choose its number here.")
    _table(guesses, scored)
    reading_trust.card(now, heats[at], f"field {at + 1}")
    _glance(now, heats, guesses, at)
    _code(now, at, bool(tight))
    _downloads(now, heats[at], at, bool(tight))


def _picker(now: Reading, count: int) -> int:
    """The chosen field, 0 first, and what it was made from."""
    if FIELD in st.session_state:
        kept = int(controls.within(st.session_state[FIELD], 1, count))
        if st.session_state[FIELD] != kept:  # left over from a page with more fields
            st.session_state[FIELD] = kept
    chosen = st.number_input("Field", 1, count, 1, key=FIELD, bind="query-params", persist_state="session")
    at = int(controls.within(chosen, 1, count)) - 1
    one = now.fields[at]
    pieces = " | ".join(" + ".join(now.tokens[t].replace("▁", "") for t in word.tokens) for word in one.words)
    st.text(f"{one.path}: {one.text}\nIts words, each from its tokens: {pieces or 'none'}")
    return at


def _page(
    now: Reading, heat: NDArray[np.float32], guesses: Sequence[Proposal], at: int, scored: Sequence[FieldScore]
) -> None:
    place = st.container()
    wanted = bool(scored) and st.toggle("Show the true boxes", key=BOXES, **controls.KEEP)
    true = [one.true_box for one in scored if one.true_box is not None] if wanted else []
    names = [f"{one.field.path}: {one.field.text}" for one in guesses]
    fig = fields_on_page(
        now.document.image, heat, now.record.geometry, [one.box for one in guesses], names, chosen=at, true=true,
        title=f"Read for field {at + 1}, {names[at]}"[:120],
        height=figure_height(now),
    )  # fmt: skip
    said = words.describe(heat, name=f"Read for field {at + 1}, {names[at]}", geometry=now.record.geometry)
    with place:
        components.chart(fig, PAGE, said, _pick(PAGE))
        st.caption(f"{now.map_name().capitalize()}. The heat is that of field {at + 1}; its box is the thick one.")
    components.in_words(said)


def _pick(key: str) -> Callable[[], None]:
    def pick() -> None:
        points = components.chosen_points(key)
        if points and isinstance(points[0], int):
            st.session_state[FIELD] = points[0] + 1

    return pick


def _summary(scored: Sequence[FieldScore]) -> None:
    if not scored:
        st.caption("Where the fields of your own page stand is not known, so nothing is scored.")
        return
    overlaps = [one.iou for one in scored if np.isfinite(one.iou)]
    right, inside = sum(one.right for one in scored), sum(one.centre for one in scored)
    with st.container(horizontal=True):
        st.metric("Read right", f"{right} of {len(scored)}")
        st.metric("Middle in the true box", f"{inside} of {len(scored)}")
        st.metric("Mean overlap (IoU)", f"{np.mean(overlaps):.2f}" if overlaps else "none")


def _table(guesses: Sequence[Proposal], scored: Sequence[FieldScore]) -> None:
    """Every field with its box and score; those the model missed at the end."""
    rows: dict[str, list[str]] = {
        "field": [str(n + 1) for n in range(len(guesses))],
        "outline": [outline_name(n).replace(" ", HARD) for n in range(len(guesses))],
        "path": [one.field.path for one in guesses],
        "written": [one.field.text for one in guesses],
    }
    boxes = [_box(one.box) for one in guesses]
    if scored:
        told = scored[: len(guesses)]
        missed = [one for one in scored if one.said is None]
        rows = {
            **{key: cells + [""] * len(missed) for key, cells in rows.items()},
            "read right": [_yes(one.right) for one in told] + ["not written"] * len(missed),
            "middle in the true box": [_yes(one.centre) if one.box and one.true_box else "" for one in told] + [""] * len(missed),
            "IoU": [f"{one.iou:.2f}" if np.isfinite(one.iou) else "" for one in told] + [""] * len(missed),
        }  # fmt: skip
        rows["path"][len(guesses) :] = [one.path for one in missed]
        boxes += [""] * len(missed)
    # A scroll box of its own, since the table is wider than a phone.
    with st.container(height=min(420 if controls.on_phone() else 640, 110 + 42 * len(boxes))):
        components.table({**rows, "box in pixels": boxes})
    st.caption(
        "Box: left, top, right, bottom. IoU: area that the proposed and the true box share, over the area that either covers, 0 to 1. Read right: the same "
        "characters as on the page."
        if scored
        else "Box: left, top, right, bottom; each is a proposal from the heat."
    )
    components.say_wide()


def _box(box: Sequence[float] | None) -> str:
    return "none" if box is None else f",{HARD}".join(f"{v:.0f}" for v in box)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _glance(now: Reading, heats: NDArray[np.float32], guesses: Sequence[Proposal], at: int) -> None:
    st.header("Every field's heat", anchor=False)
    place = now.record.geometry.place if now.record.geometry else None
    maps = np.stack([heat if place is None else place(heat).values for heat in heats])
    names = [f"{n + 1}: {one.field.path}"[:22] for n, one in enumerate(guesses)]
    across = 3 if controls.on_phone() else 6
    shape = page_shape(now) * maps.shape[2] / maps.shape[1]
    tall = 120 + -(-len(maps) // across) * round((360 if controls.on_phone() else 760) / across * page_shape(now) + 24)
    fig = head_grid(maps, names=names, per_row=across, scale="per map", chosen=at, clickable=True, height=tall)
    fig.layout.yaxis.scaleratio = shape  # cells in the proportions they have on the page
    peaks = "; ".join(
        f"{label}, strongest cell {np.nanmax(heat):.1%}" if np.isfinite(heat).any() else f"{label}, nothing read"
        for label, heat in zip(names, heats, strict=True)
    )
    components.chart(fig, GLANCE, f"The heat of every field. {peaks}.", _pick(GLANCE))
    st.caption("Each field on a colour scale of its own. Click one to choose it.")


def ranking(now: Reading) -> None:
    """The outcome of the prediction: every head by hits and by entropy."""
    st.header("Is focused the same as right?", anchor=False)
    _ranking(now)


@st.fragment
def _ranking(now: Reading) -> None:
    if st.session_state.pop(AGAIN, False):
        st.rerun()
    found, where = _measured(now)
    hits, bits = rates(found), found.bits[:-1, :-1]
    chosen = (now.layer, now.head) if now.layer is not None and now.head is not None else None
    known = np.isfinite(hits).any()
    if known:
        fig = focus_against_hits(
            bits, hits, chosen=chosen, chance=found.chance, title="Every head: how focused, how often right",
            mean=(float(found.bits[-1, -1]), found.rate(KINDS, None, None)),
        )  # fmt: skip
        linked = rank_correlation(bits, hits)
        said = f"{hits.size} heads on {where}: rank correlation of entropy and hit rate {linked:.2f}."
        star = f"Mean of all layers and heads: {found.rate(KINDS, None, None):.0%} hits, {found.bits[-1, -1]:.2f} bits."
        components.chart(fig, CLOUD, f"{said} {star}", _pick_head)
        st.caption(
            f"{said} Near -1: the focused heads are the right ones. Near 0: focus tells nothing. Counted: "
            f"{int(found.tokens.sum())} tokens of letters and digits in values read right; left out: {found.left_out}. "
            "Click a point to choose its layer and head; the star is the mean of all."
        )
        st.caption(f"{star} A cell picked at random: {found.chance:.1%} hits.")
    else:
        st.caption(f"No token's place is known on {where}, so heads can be ranked by entropy alone.")
    with st.container(height=420):
        components.table(head_rows(found))
    components.say_wide()


def _measured(now: Reading) -> tuple[Sample, str]:
    if now.model == BUNDLED:
        picked = st.segmented_control(
            "Measured on", [THIS_PAGE, OTHERS], default=THIS_PAGE, key=MEASURED, required=True, **controls.KEEP,
            help="More pages tell heads apart better. The first choice of them reads them, some seconds of work.",
        )  # fmt: skip
        if picked == OTHERS:
            others = several_pages(now)
            if others is not None:
                return others, OTHERS
    return page_sample(now), THIS_PAGE


def head_rows(found: Sample) -> dict[str, list[str]]:
    """Every head, most hits first (by focus where none are known), as columns of a table."""
    hits, bits = rates(found), found.bits[:-1, :-1]
    places = list(np.ndindex(*bits.shape))
    kinds = {"words": rates(found, ("starts", "later")), "digits": rates(found, ("digits",))}
    order = sorted(range(len(places)), key=lambda n: (-np.nan_to_num(hits.ravel()[n], nan=-1), bits.ravel()[n]))
    by_hits, by_focus = ranks(-np.nan_to_num(hits, nan=-1)), ranks(np.nan_to_num(bits, nan=np.inf))
    told = bool(np.isfinite(hits).any())
    return {
        "place by hits": [f"{by_hits[n]:g}" if told else "" for n in order],
        "head": [name(places[n]).replace(" ", HARD) for n in order],
        "word hits": [_percent(kinds["words"].ravel()[n]) for n in order],
        "digit hits": [_percent(kinds["digits"].ravel()[n]) for n in order],
        "entropy (bits)": [f"{bits.ravel()[n]:.2f}" for n in order],
        "place by focus": [f"{by_focus[n]:g}" for n in order],
    }


def _percent(rate: float) -> str:
    return f"{rate:.0%}" if np.isfinite(rate) else ""


def _pick_head() -> None:
    points: list[Any] = components.chosen_points(CLOUD)
    if points and isinstance(points[0], (list, tuple)) and len(points[0]) >= 2:
        st.session_state[LAYER], st.session_state[HEAD] = str(int(points[0][0]) + 1), str(int(points[0][1]) + 1)
        st.session_state[AGAIN] = True


def _code(now: Reading, at: int, tight: bool) -> None:
    lines = (
        "from visualizer.measures.field_box import boxed\n"
        "from visualizer.measures.fields import fields\n"
        "from visualizer.measures.reading import field_heat, token_heat, token_names\n\n"
        "found = fields(token_names(record))\n"
        "heats = field_heat(token_heat(record, layers, heads), found)  # (fields, rows, columns)\n"
        f"boxed(record, layers, heads, tight={tight})  # the JSON with the box of every field and word\n"
    )
    with st.expander("Show me the code"):
        st.code(reading_snippets.record_code(now) + lines, language="python")
        components.copy_commands(
            read_commands.fields(now, at, tight),
            "The first line saves the JSON with the boxes, the second draws this heat.",
        )


def _downloads(now: Reading, heat: NDArray[np.float32], at: int, tight: bool) -> None:
    def as_json() -> bytes:
        return json.dumps(boxed(now.record, now.layers, now.heads, tight), indent=2, ensure_ascii=False).encode()

    def picture() -> bytes:
        what = f"Field {at + 1}, {now.map_name()}"
        return export.overlay_png(
            now.document.image, heat, now.record.geometry, what, settings=now.model, opacity=OPACITY
        )

    components.downloads("fields", {
        "JSON with boxes": ("fields.json", as_json),
        "This heat (PNG)": (f"field-{at + 1}.png", picture),
        "Every head (CSV)": ("heads.csv", lambda: heads_csv(page_sample(now))),
    })  # fmt: skip


def heads_csv(found: Sample) -> bytes:
    """The table of heads as a file."""
    out = io.StringIO()
    rows = head_rows(found)
    csv.writer(out).writerows([list(rows), *zip(*rows.values(), strict=True)])
    return out.getvalue().encode()
