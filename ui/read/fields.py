"""The parts of page "From token to field": numbered boxes on the page, the score of each, and the heads ranked."""

import json
from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings.fields import name, page_sample, rates
from tutorials.findings.head_sample import KINDS, Sample
from tutorials.findings.page import BUNDLED, Reading
from tutorials.findings.reading import PAGES, several_pages
from ui.parts import components, controls, parts
from ui.parts.controls import KEEP
from ui.read import reading_proof
from ui.read.reading import choose_clicked_head
from ui.read.reading_proof import map_command
from ui.read.reading_view import BOXES, figure_height, page_shape
from visualizer.figures.charts import focus_against_hits
from visualizer.figures.mosaic import head_grid
from visualizer.figures.reading import OPACITY, fields_on_page, outline_name
from visualizer.measures.field_box import Proposal, boxed, proposals
from visualizer.measures.ranks import rank_correlation, ranks
from visualizer.measures.reading import field_heat
from visualizer.measures.reading_score import FieldScore, field_scores
from visualizer.words import maps as words
from vit_attention.cli.recipe import read_command

FIELD, TIGHT, MEASURED = "field", "tight", "measured"
"""Keys of the page's widgets and names in the address; fields count from 1 there."""
THIS_PAGE, OTHERS = "this page", f"{PAGES} other receipts"
PAGE, GLANCE, CLOUD = "fields_page", "fields_glance", "fields_cloud"
MOST_FIELDS = 60
"""Fields drawn and listed at most; the download holds all."""
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
        at = parts.number("Field", FIELD, 1, len(found), 1)
        words_of = (" + ".join(now.tokens[t].replace("▁", "") for t in word.tokens) for word in found[at].words)
        pieces = " | ".join(words_of) or "none"
        st.text(f"{found[at].path}: {found[at].text}\nIts words, each from its tokens: {pieces}")
        tight = bool(
            st.toggle(
                "Draw boxes tight round the ink",
                True,
                key=TIGHT,
                help="Off: a box is as coarse as the cells of the map. On: it is drawn in to the line of print it touches.",
                **KEEP,
            )
        )
    guesses, truth = proposals(now.record, now.layers, now.heads, tight)[:MOST_FIELDS], now.document.values
    scored = field_scores(now.record, truth, now.layers, now.heads, tight) if truth else []
    with left:
        _page(now, heats[at], guesses, at, scored)
    with right:
        _summary(scored)
        st.caption("Click a box on the page, or choose its number here.")
    _table(guesses, scored)
    reading_proof.card(now, heats[at], f"field {at + 1}")
    _glance(now, heats, guesses, at)
    _code(now, at, tight)
    _downloads(now, heats[at], at, tight)


def _page(
    now: Reading, heat: NDArray[np.float32], guesses: Sequence[Proposal], at: int, scored: Sequence[FieldScore]
) -> None:
    place = st.container()
    wanted = bool(scored) and st.toggle("Show the true boxes", key=BOXES, **KEEP)
    names = [f"{one.field.path}: {one.field.text}" for one in guesses]
    title = f"Read for field {at + 1}, {names[at]}"
    fig = fields_on_page(
        now.document.image,
        heat,
        now.record.geometry,
        [one.box for one in guesses],
        names,
        chosen=at,
        true=[one.true_box for one in scored if wanted and one.true_box is not None],
        title=title[:120],
        height=figure_height(now),
    )
    said = words.describe(heat, name=title, geometry=now.record.geometry)
    with place:
        components.panel(
            fig,
            PAGE,
            said,
            partial(parts.choose_clicked, PAGE, FIELD),
            caption=f"{now.map_name().capitalize()}. The heat is that of field {at + 1}; its box is the thick one.",
            below=False,
        )
    components.in_words(said)


def _summary(scored: Sequence[FieldScore]) -> None:
    if not scored:
        st.caption("Where the fields of your own page stand is not known, so nothing is scored.")
        return
    overlaps = [one.iou for one in scored if np.isfinite(one.iou)]
    with st.container(horizontal=True):
        st.metric("Read right", f"{sum(one.right for one in scored)} of {len(scored)}")
        st.metric("Middle in the true box", f"{sum(one.centre for one in scored)} of {len(scored)}")
        st.metric("Mean overlap (IoU)", f"{np.mean(overlaps):.2f}" if overlaps else "none")


def _table(guesses: Sequence[Proposal], scored: Sequence[FieldScore]) -> None:
    """Every field with its box and score; those the model missed at the end."""
    written, missed = scored[: len(guesses)], [one for one in scored if one.said is None]
    blank = [""] * len(missed)
    numbers = range(len(guesses))
    rows = {
        "field": [*parts.counted(len(guesses)), *blank],
        "outline": [*(outline_name(n).replace(" ", HARD) for n in numbers), *blank],
        "path": [*(one.field.path for one in guesses), *(one.path for one in missed)],
        "written": [*(one.field.text for one in guesses), *blank],
    }
    caption = "Box: left, top, right, bottom; each is a proposal from the heat."
    if scored:
        rows["read right"] = [*(_yes(one.right) for one in written), *("not written" for _ in missed)]
        inside = (_yes(one.centre) if one.box and one.true_box else "" for one in written)
        rows["middle in the true box"] = [*inside, *blank]
        rows["IoU"] = [*(f"{one.iou:.2f}" if np.isfinite(one.iou) else "" for one in written), *blank]
        caption = (
            "Box: left, top, right, bottom. IoU: area that the proposed and the true box share, over the area that either "
            "covers, 0 to 1. Read right: the same characters as on the page."
        )
    rows["box in pixels"] = [*(_box(one.box) for one in guesses), *blank]
    # A scroll box of its own, since the table is wider than a phone.
    with st.container(height=min(420 if controls.on_phone() else 640, 110 + 42 * len(rows["field"]))):
        components.table(rows)
    st.caption(caption)
    components.say_wide()


def _box(box: Sequence[float] | None) -> str:
    return "none" if box is None else f",{HARD}".join(f"{v:.0f}" for v in box)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _glance(now: Reading, heats: NDArray[np.float32], guesses: Sequence[Proposal], at: int) -> None:
    st.header("Every field's heat", anchor=False)
    geometry, shape = now.record.geometry, page_shape(now)
    maps = np.stack([geometry.place(heat).values if geometry else heat for heat in heats])
    names = [f"{n + 1}: {one.field.path}"[:22] for n, one in enumerate(guesses)]
    across, width = (3, 360) if controls.on_phone() else (6, 760)
    tall = 120 + -(-len(maps) // across) * round(width / across * shape + 24)
    fig = head_grid(maps, names=names, per_row=across, scale="per map", chosen=at, clickable=True, height=tall)
    fig.layout.yaxis.scaleratio = shape * maps.shape[2] / maps.shape[1]  # cells in their proportions on the page
    peaks = "; ".join(
        f"{label}, strongest cell {np.nanmax(heat):.1%}" if np.isfinite(heat).any() else f"{label}, nothing read"
        for label, heat in zip(names, heats, strict=True)
    )
    components.panel(
        fig,
        GLANCE,
        f"The heat of every field. {peaks}.",
        partial(parts.choose_clicked, GLANCE, FIELD),
        caption="Each field on a colour scale of its own. Click one to choose it.",
        below=False,
    )


@st.fragment
def ranking(now: Reading) -> None:
    """The outcome of the prediction: every head by hits and by entropy."""
    parts.rerun_if_asked()
    st.header("Is focused the same as right?", anchor=False)
    found, where = _measured(now)
    hits, bits = rates(found), found.bits[:-1, :-1]
    if np.isfinite(hits).any():
        mean = (float(found.bits[-1, -1]), found.rate(KINDS, None, None))
        linked = rank_correlation(bits, hits)
        said = f"{hits.size} heads on {where}: rank correlation of entropy and hit rate {linked:.2f}."
        star = f"Mean of all layers and heads: {mean[1]:.0%} hits, {mean[0]:.2f} bits."
        components.panel(
            focus_against_hits(
                bits,
                hits,
                chosen=None if now.layer is None or now.head is None else (now.layer, now.head),
                chance=found.chance,
                title="Every head: how focused, how often right",
                mean=mean,
            ),
            CLOUD,
            f"{said} {star}",
            partial(choose_clicked_head, CLOUD),
            caption=f"{said} Near -1: the focused heads are the right ones. Near 0: focus tells nothing. Counted: "
            f"{int(found.tokens.sum())} tokens of letters and digits in values read right; left out: {found.left_out}. "
            "Click a point to choose its layer and head; the star is the mean of all.",
            below=False,
        )
        st.caption(f"{star} A cell picked at random: {found.chance:.1%} hits.")
    else:
        st.caption(f"No token's place is known on {where}, so heads can be ranked by entropy alone.")
    with st.container(height=420):
        components.table(head_rows(found))
    components.say_wide()


def _measured(now: Reading) -> tuple[Sample, str]:
    """Hits and entropy of every head, and on which pages."""
    if now.model == BUNDLED:
        picked = st.segmented_control(
            "Measured on",
            [THIS_PAGE, OTHERS],
            default=THIS_PAGE,
            key=MEASURED,
            required=True,
            help="More pages tell heads apart better. The first choice of them reads them, some seconds of work.",
            **KEEP,
        )
        others = several_pages(now) if picked == OTHERS else None
        if others is not None:
            return others, OTHERS
    return page_sample(now), THIS_PAGE


def head_rows(found: Sample) -> dict[str, list[str]]:
    """Every head, most hits first (by focus where none are known), as columns of a table."""
    hits, bits = np.nan_to_num(rates(found), nan=-1), found.bits[:-1, :-1]
    by_kind = [rates(found, kinds).ravel() for kinds in (("starts", "later"), ("digits",))]
    order = sorted(range(bits.size), key=lambda n: (-hits.ravel()[n], bits.ravel()[n]))
    by_hits, by_focus = ranks(-hits), ranks(np.nan_to_num(bits, nan=np.inf))
    places = list(np.ndindex(*bits.shape))
    return {
        "place by hits": [f"{by_hits[n]:g}" if hits.max() >= 0 else "" for n in order],
        "head": [name(places[n]).replace(" ", HARD) for n in order],
        "word hits": [_percent(by_kind[0][n]) for n in order],
        "digit hits": [_percent(by_kind[1][n]) for n in order],
        "entropy (bits)": [f"{bits.ravel()[n]:.2f}" for n in order],
        "place by focus": [f"{by_focus[n]:g}" for n in order],
    }


def _percent(rate: float) -> str:
    return f"{rate:.0%}" if np.isfinite(rate) else ""


def _code(now: Reading, at: int, tight: bool) -> None:
    lines = (
        "from visualizer.measures.field_box import boxed\n"
        "from visualizer.measures.fields import fields\n"
        "from visualizer.measures.reading import field_heat, token_heat, token_names\n\n"
        "found = fields(token_names(record))\n"
        "heats = field_heat(token_heat(record, layers, heads), found)  # (fields, rows, columns)\n"
        f"boxed(record, layers, heads, tight={tight})  # the JSON with the box of every field and word\n"
    )
    parts.code(
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
            map_command(now, f"field:{now.fields[at].path}", alpha=OPACITY),
        ],
        "The first line saves the JSON with the boxes, the second draws this heat.",
    )


def _downloads(now: Reading, heat: NDArray[np.float32], at: int, tight: bool) -> None:
    def as_json() -> bytes:
        return json.dumps(boxed(now.record, now.layers, now.heads, tight), indent=2, ensure_ascii=False).encode()

    components.downloads(
        "fields",
        {
            "JSON with boxes": ("fields.json", as_json),
            "This heat (PNG)": (f"field-{at + 1}.png", lambda: reading_proof.overlay(now, heat, f"Field {at + 1}")),
            "Every head (CSV)": ("heads.csv", lambda: heads_csv(page_sample(now))),
        },
    )


def heads_csv(found: Sample) -> bytes:
    """The table of heads as a file."""
    rows = head_rows(found)
    return parts.csv_text([list(rows), *zip(*rows.values(), strict=True)], end="\r\n").encode()
