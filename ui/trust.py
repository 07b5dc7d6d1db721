"""The trust card: what can be checked about the map on the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from visualizer.measures.entropy import entropy
from visualizer.measures.score import mass_in_mask, pointing_hit
from visualizer.measures.sinks import sink_tokens
from vit_attention.records import AttentionRecord


def card(now: Context, values: NDArray[Any], row: NDArray[Any] | None = None, what: str = "this map") -> None:
    """Draw the card.

    Args:
        now: the context of the page.
        values: (rows, columns) the map drawn.
        row: (tokens,) the weights it was taken from, special tokens included; None for maps that are no weights. What has
            negative or undefined values is taken for none.
        what: the map in words.
    """
    draw(f"For {what}.", facts(now, values, row))


def draw(caption: str, checks: Sequence[tuple[str, str, str]]) -> None:
    """A card of checks: (check, figure with unit, meaning)."""
    with st.expander("May I believe it? Trust card", expanded=False):
        st.caption(caption)
        lines = ["| check | here | what it tells |", "|---|---|---|", *(line(check) for check in checks)]
        st.markdown("\n".join(lines))


def line(fact: tuple[str, str, str]) -> str:
    return "| " + " | ".join(part.replace("|", "\\|") for part in fact) + " |"


def facts(now: Context, values: NDArray[Any], row: NDArray[Any] | None = None) -> list[tuple[str, str, str]]:
    """(check, figure with unit, meaning) for every check that applies to the map."""
    found = [*proof(now.record), *_unheard(now)]
    if row is not None and (np.asarray(row, np.float32) >= 0).all():
        found += [_special(now, row), _sinks(now, row), _entropy(row)]
    return found + _score(now, values)


def proof(record: AttentionRecord) -> list[tuple[str, str, str]]:
    """What can be checked about every record: its parity with PyTorch's attention, and its row sums."""
    shown = "not proved" if record.residual is None else f"{record.residual:.1e}"
    error = max(float(one.row_error) for one in record.maps)
    return [
        (
            "parity residual",
            shown,
            "largest difference, over a few rows of every block, between these weights times the block's values and what "
            "PyTorch's own attention gives; about a millionth of the size of what is compared is the rounding of 32-bit numbers",
        ),
        (
            "row sums",
            f"1 ± {error:.1e}",
            "every row of weights must add up to 1; where they are kept in half precision (16 bits a number), that alone gives "
            "up to 5e-4",
        ),
    ]


def _unheard(now: Context) -> list[tuple[str, str, str]]:
    # A number and no names: what a file says is never markup.
    missing = now.record.settings.get("unheard")
    if not isinstance(missing, list) or not missing:
        return []
    return [("not heard", f"{len(missing)} layers", "attention layers of this network that could not be captured; methods that multiply layers refuse")]  # fmt: skip


def _special(now: Context, row: NDArray[Any]) -> tuple[str, str, str]:
    share = float(np.asarray(row, np.float32)[: now.axis.prefix].sum())
    return ("on special tokens", f"{share:.1%}", "share of the row that no patch on the picture can show")


def _sinks(now: Context, row: NDArray[Any]) -> tuple[str, str, str]:
    if not now.record.norms.size:
        return ("on long tokens", "not measured", "needs the lengths of the tokens")
    sinks = sink_tokens(now.record.norms[-1], now.axis.prefix)
    share = float(np.asarray(row, np.float32)[sinks].sum())
    return ("on long tokens", f"{share:.1%} on {int(sinks.sum())} patches", "patches whose token is unusually long after the last layer: candidates for sinks (Darcet et al. 2023)")  # fmt: skip


def _entropy(row: NDArray[Any]) -> tuple[str, str, str]:
    bits = float(entropy(np.asarray(row, np.float32)))
    return (
        "entropy",
        f"{bits:.2f} bits of {np.log2(len(row)):.2f}",
        "0: one token holds everything; the maximum: all tokens hold the same",
    )


def _score(now: Context, values: NDArray[Any]) -> list[tuple[str, str, str]]:
    truth = now.truth
    if truth is None:
        return [("against the truth", "unknown", "only drawn scenes come with exact outlines")]
    hit, area, places = bool(pointing_hit(values, truth)), float(truth.mean()), float((truth > 0.1).mean())
    meaning = (
        f"strongest patch more than 10 % covered by an object; a random patch: {places:.0%}. A weak score: colour alone lets many "
        "maps of untrained models point"
    )
    pointing = ("points at an object", "yes" if hit else "no", meaning)
    if not (np.asarray(values) >= 0).all():
        return [pointing]  # a sum of signed values has no shares
    mass = float(mass_in_mask(values, truth))
    chance = f"by chance {area:.1%}, so {mass / max(area, 1e-9):.1f} x chance"
    return [
        pointing,
        ("weight on objects", f"{mass:.1%}", f"share of the patches' sum inside the true outline; {chance}"),
    ]
