"""How focused every head of a reader's decoder is, and how often right: as points, as a list, and as a file."""

import numpy as np
import streamlit as st

from tutorials.findings.fields import name, page_sample, rates
from tutorials.findings.head_sample import KINDS, Sample
from tutorials.findings.page import BUNDLED, Reading
from tutorials.findings.reading import PAGES, several_pages
from ui.parts import components, parts, widgets
from ui.read import reading
from visualizer.figures.charts import focus_against_hits
from visualizer.measures.ranks import rank_correlation, ranks

MEASURED = "measured"
"""Key of the choice and name in the address."""
THIS_PAGE, OTHERS = "this page", f"{PAGES} other receipts"
HARD = "\N{NO-BREAK SPACE}"


def measured_on(now: Reading) -> None:
    """The choice of pages that heads are measured on."""
    if now.model == BUNDLED:
        tip = "More pages tell heads apart better. The first choice of them reads them, some seconds of work."
        widgets.choice("Measured on", [THIS_PAGE, OTHERS], MEASURED, help=tip)


def _measured(now: Reading) -> tuple[Sample, str]:
    """Hits and entropy of every head, and on which pages."""
    others = several_pages(now) if st.session_state.get(MEASURED) == OTHERS else None
    return (page_sample(now), THIS_PAGE) if others is None else (others, OTHERS)


def cloud(now: Reading) -> None:
    """Every head as a point: how spread its rows are, and how often they hit; a click chooses its layer and head."""
    found, where = _measured(now)
    hits, bits = rates(found), found.bits[:-1, :-1]
    if not np.isfinite(hits).any():
        st.info(f"No token's place is known on {where}, so heads can be ranked by entropy alone.")
        table(now)
        return
    mean, linked = (float(found.bits[-1, -1]), found.rate(KINDS, None, None)), rank_correlation(bits, hits)
    said = f"{hits.size} heads on {where}: rank correlation of entropy and hit rate {linked:.2f}."
    star = f"Mean of all layers and heads (star): {mean[1]:.0%} hits, {mean[0]:.2f} bits."
    chosen = None if now.layer is None or now.head is None else (now.layer, now.head)
    title = "Every head: how focused, how often right"
    figure = focus_against_hits(bits, hits, chosen=chosen, chance=found.chance, title=title, mean=mean, height=400)
    components.panel(figure, "fields_cloud", f"{said} {star}", reading.choose_head, said)
    st.caption(
        f"{star} A cell picked at random: {found.chance:.1%} hits. Counted: {int(found.tokens.sum())} tokens of letters and "
        f"digits in values read right; left out: {found.left_out}."
    )


def table(now: Reading) -> None:
    """Every head in a list, the most hits first."""
    with st.container(height=400):
        components.table(head_rows(_measured(now)[0]))
    components.say_wide()


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


def heads_csv(found: Sample) -> bytes:
    """The table of heads as a file."""
    rows = head_rows(found)
    return parts.csv_text([list(rows), *zip(*rows.values(), strict=True)], end="\r\n").encode()
