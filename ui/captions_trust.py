"""The trust card of the caption page: what can be checked about a sentence's maps, nouns against the scene and chance."""

from __future__ import annotations

import numpy as np
import streamlit as st

from tutorials.findings.captioning import Captioning
from tutorials.findings.captions import HIT
from ui import trust
from visualizer.measures.entropy import entropy
from vit_attention import registry


def card(now: Captioning) -> None:
    """What can be checked about this sentence's maps; nouns are scored against the scene and beside chance."""
    with st.expander("May I believe it? Trust card", expanded=False):
        st.caption(f"For {now.in_heads()}; the entropy is that of word {now.word + 1}.")
        lines = ["| check | here | what it tells |", "|---|---|---|", *(trust.line(fact) for fact in facts(now))]
        st.markdown("\n".join(lines))


def facts(now: Captioning) -> list[tuple[str, str, str]]:
    """(check, figure with unit, meaning) for every check that applies to this sentence."""
    residual, worst = now.record.residual, max(float(one.row_error) for one in now.record.maps)
    bits, most = float(entropy(now.row() / now.row().sum())), float(np.log2(len(now.axis)))
    return [
        ("parity residual", "not proved" if residual is None else f"{residual:.1e}", "largest difference, over a few rows of every block, between these weights times the block's values and what PyTorch's own attention gives; about a millionth of the size of what is compared is the rounding of 32-bit numbers"),
        ("row sums", f"1 ± {worst:.1e}", "every row of weights must add up to 1; where they are kept in half precision (16 bits a number), that alone gives up to 5e-4"),
        ("entropy", f"{bits:.2f} bits of {most:.2f}", "0: one region holds everything; the maximum: all regions hold the same"),
        *_nouns(now),
    ]  # fmt: skip


def _nouns(now: Captioning) -> list[tuple[str, str, str]]:
    covers = now.covers()
    if not covers:
        return [
            ("nouns against the truth", "unknown", "only drawn scenes, looked at as a grid, come with exact outlines")
        ]
    found = []
    for word, thing in now.nouns.items():
        name = f"noun “{now.words[word]}”"
        if thing is None:
            found.append(
                (name, "names nothing there", "no thing of this shape is in the scene: a map cannot make it true")
            )
            continue
        row, on = now.rows(now.head)[word], covers[thing] > HIT
        hit = "points into its object" if on[row.argmax()] else "points elsewhere"
        found.append((
            name, f"{hit}; {row[on].sum():.0%} of its attention on the object's cells",
            f"strongest cell more than 10 % covered by what is named; a random cell points into it with {on.mean():.0%}, and "
            "even attention would put as much on it",
        ))  # fmt: skip
    return [*found, *_measured(now)]


def _measured(now: Captioning) -> list[tuple[str, str, str]]:
    """What the benchmark found on many scenes, if the bundled model said this sentence."""
    known = registry.card(now.model).measured.get("two_objects") if now.runs else None
    if not known:
        return []
    return [(
        "nouns on many scenes", f"{known['pointing']:.1%} point into their object", f"measured on {known['scenes']} scenes of two "
        f"objects, mean of heads; chance {known['chance_pointing']:.1%}; {known['pairs']:.1%} of the sentences had all colours and "
        f"shapes right, {known['relation']:.1%} the relation",
    )]  # fmt: skip
