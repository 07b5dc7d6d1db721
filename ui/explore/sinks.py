"""Sinks in the playground: a switch that leaves them out of a map, and which tokens take the attention, layer by layer."""

import streamlit as st

from tutorials.findings import Context
from ui.parts import components, widgets
from visualizer.figures.sinks import length_curves, share_curves
from visualizer.measures.sinks import taken_by_layer
from visualizer.method import Map
from visualizer.method.base import SHARE
from visualizer.words.sinks import describe_lengths, describe_taken

_HELP = (
    "A sink is a patch that takes more than 30 % of all attention in some head (Gu et al. 2025, arXiv:2410.10781). Its cell "
    "becomes a hole and the other shares are rescaled to 100 %. This changes the drawing alone: the model runs as before."
)


def hidden(now: Context, found: Map) -> bool:
    """Draw the switch for a map that is one of shares; whether the reader wants it without its sinks."""
    # Of a large picture not all rows are kept, which the rule reads; of a text, special tokens are the sinks.
    if found.unit != SHARE or now.size is not None or now.of_text:
        return False
    return widgets.toggle("Leave out sinks (display only)", "without_sinks", help=_HELP)


def curves(now: Context) -> None:
    """Shares of attention and lengths of tokens through the layers, on request."""
    whole = all(one.queries is None and one.heads is None for one in now.record.maps)
    if now.size is not None or not whole or now.record.settings.get("unheard"):
        return
    if not widgets.toggle("Show sinks: which tokens take the attention, layer by layer", "sinks"):
        return
    key, norms = now.record.maps[0].key, now.record.norms
    known = norms.size > 0
    taken = taken_by_layer(now.record.layers, key.prefix, norms if known else None)
    left, right = st.columns(2)
    with left:
        components.panel(
            share_curves(taken, title="Which tokens take the attention"), "sink_shares", describe_taken(taken)
        )
    if known:
        with right:
            lengths = length_curves(norms, key.special, title="Length of the tokens")
            components.panel(lengths, "sink_lengths", describe_lengths(norms, key.prefix))
