"""What pages ask for the effects of heads: kept for all sessions, with progress where it takes long."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context, heads_off
from tutorials.findings.heads_off import Heads
from tutorials.plain import plain
from ui.judge import turning
from ui.parts import long_runs
from ui.store import resources

CLASSES = 10
"""Classes that are drawn at most."""
PERCENT = (0.0, 118.0)
"""Ends of the axis of probabilities, with room for the number behind a bar of 100 %."""
AGREED = "_trial_agreed"
"""Session key: the models for which a long run was asked for."""


def able(now: Context) -> bool:
    """Whether heads of the model can be turned; says why not."""
    problem = resources.once(("trial able", now.model, now.picture.key, now.labels), lambda: heads_off.refusal(now))
    if problem:
        st.info(plain(problem))
    return not problem


def outcomes(now: Context, heads: Heads, how: str) -> tuple[list[str], NDArray[np.float64], str, int]:
    """Names, (gains, names) values at every position of the slider, their unit, and which name is the answer with none turned."""
    found = heads_off.scores(now, [(heads, gain) for gain in turning.GAINS], how).astype(np.float64)
    if heads_off.target(now):
        return (
            ["no head turned", "turned"],
            np.stack([found[[0] * len(found[1:]), 0], found[1:, 0]], 1),
            "cosine similarity",
            0,
        )
    shares = np.exp(found - found.max(axis=1, keepdims=True))
    shares *= 100 / shares.sum(axis=1, keepdims=True)
    kept = np.argsort(-shares.max(axis=0), kind="stable")[:CLASSES]
    labels = now.record.prediction.labels
    answer = int(np.flatnonzero(kept == found[0].argmax())[0])
    return [labels[n] for n in kept], shares[1:, kept], "probability in %", answer


def of_all(now: Context, gain: float, how: str) -> list[NDArray[np.float64]] | None:
    """By layer, (heads,) the fall with each head turned by itself; None while nobody has agreed to wait for it."""
    asked = ("trial effects", now.model, now.picture.key, now.labels, heads_off.target(now), gain, how)
    many = sum(len(one.weights) + 1 for one in now.record.maps)
    return resources.once(asked, lambda: _all(now, gain, how)) if _agreed(now, many) else None


def _agreed(now: Context, many: int) -> bool:
    agreed: set[str] = st.session_state.setdefault(AGREED, set())
    takes = long_runs.seconds(now, many)
    if takes <= long_runs.LONG or now.model in agreed:
        return True
    st.info(f"This runs {now.model} {many} times, once for each head: about {takes:.0f} s on an idle machine.")
    st.button(f"Run it {many} times", key="trial_run", on_click=agreed.add, args=(now.model,))
    return False


def _all(now: Context, gain: float, how: str) -> list[NDArray[np.float64]]:
    layers, bar = len(now.record.maps), st.progress(0.0)
    try:
        found = []
        for layer in range(layers):
            bar.progress(layer / layers, f"Turning the heads of layer {layer + 1} of {layers}, one at a time ...")
            found.append(heads_off.falls(now, heads_off.each(now, layer, gain), how))
        return found
    finally:
        bar.empty()
