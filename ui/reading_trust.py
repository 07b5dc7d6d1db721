"""The trust card of a reading: what can be checked about the map on the page and about this layer and head."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings.page import Reading
from ui import trust
from visualizer.measures.entropy import entropy
from visualizer.measures.reading_score import Rate, hits, token_truth

NO_TRUTH = (
    "against the truth",
    "unknown",
    "where the words of your own page stand is not known; on drawn receipts and forms it is",
)


def card(now: Reading, values: NDArray[np.float32], what: str) -> None:
    """Draw the card for one (rows, columns) map, `what` in words, under the chosen layer and head."""
    with st.expander("May I believe it? Trust card", expanded=False):
        st.caption(f"For {now.map_name()}; the entropy is that of {what}.")
        lines = ["| check | here | what it tells |", "|---|---|---|", *(trust.line(one) for one in facts(now, values))]
        st.markdown("\n".join(lines))


def facts(now: Reading, values: NDArray[np.float32]) -> list[tuple[str, str, str]]:
    """(check, figure with unit, meaning) for every check that applies to this page."""
    residual, worst = now.record.residual, max(float(one.row_error) for one in now.record.maps)
    return [
        ("parity residual", "not proved" if residual is None else f"{residual:.1e}", "largest difference, over a few rows of every block, between these weights times the block's values and what PyTorch's own attention gives; about a millionth of the size of what is compared is the rounding of 32-bit numbers"),
        ("row sums", f"1 ± {worst:.1e}", "every row of weights must add up to 1; where they are kept in half precision (16 bits a number), that alone gives up to 5e-4"),
        _entropy(values),
        *_hits(now),
    ]  # fmt: skip


def _entropy(values: NDArray[np.float32]) -> tuple[str, str, str]:
    if not np.isfinite(values).all():
        return ("entropy", "not known", "this map was not captured")
    bits, most = float(entropy(values.ravel() / values.sum())), float(np.log2(values.size))
    return ("entropy", f"{bits:.2f} bits of {most:.2f}", "0: one cell holds everything; the maximum: all cells hold the same")  # fmt: skip


def _hits(now: Reading) -> list[tuple[str, str, str]]:
    if now.document.truth is None or now.record.geometry is None:
        return [NO_TRUTH]
    truth = token_truth(now.tokens, now.document.values, now.record.geometry)
    found = hits(now.heats(), truth, now.record.geometry.seen)
    rows = (
        ("word hit", found.words, "sub-words with a letter whose strongest cell lies on their own print"),
        ("of these, starts of words", found.starts, "the first sub-word of each word"),
        ("of these, what completes them", found.later, "later sub-words, which may be told from the start without looking"),
        ("digit hit", found.digits, "the same for tokens of digits"),
    )  # fmt: skip
    counted = [(name, _rate(rate), meaning) for name, rate, meaning in rows]
    left = ("left out", f"{found.left_out} tokens", "tokens of values read wrong: they stand nowhere on the page")
    return [*counted, left]


def _rate(rate: Rate) -> str:
    if not rate.tokens:
        return "no such token"
    return f"{rate.hit:.0%} of {rate.tokens} (chance {rate.chance:.1%})"
