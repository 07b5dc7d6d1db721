"""The parts of the first page; no torch, no Plotly, so that it is there at once."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from tutorials.lessons import lessons
from ui.table import TABLE, script
from vit_attention.cards import CARDS, Card

ASSETS = Path(__file__).parent / "assets"
TOOLS = {
    "playground": "Any model, picture, query and method; upload your own picture.",
    "compare": "Two models, pictures, heads or methods side by side on one scale.",
}


def draw() -> None:
    """The whole page."""
    st.markdown(
        "A vision transformer cuts a picture into patches and lets every patch read from every other one, in several layers "
        "with several *heads* each. How much each reads from which is called *attention*. **Sightlines** shows you the "
        "attention of a real, trained model, explains how it is computed, and helps you ask the question that matters: "
        "*may I believe this map?*"
    )
    hero()
    st.header("Where to begin", anchor=False)
    cards()
    st.header("What the bundled model can and cannot see", anchor=False)
    st.markdown(about(CARDS[0]))
    st.header("How to read a page", anchor=False)
    st.markdown(
        "- The **sidebar** holds what all pages share: model, picture, layer, head, and which token asks. On a phone, open "
        "it with the arrow at the top left.\n"
        "- Each lesson asks you to **guess first**; the outcome is computed from what you look at, and so is the answer to "
        "its check question.\n"
        "- Sentences about what attention “means” stand under **Claims to test**. Press the button and see whether they hold on "
        "this picture; one picture proves none of them.\n"
        "- Under each map: the map **in words**, a **trust card**, the **code** that makes it, and **export**.\n"
        "- The address in your browser always restores what you see (own pictures excepted: they stay in your session)."
    )


def hero() -> None:
    """A scene and what scene-vit read to name it, drawn ahead of time by `python -m benchmarks.hero`."""
    picture = ASSETS / "hero.jpg"
    if picture.exists():
        st.image(
            str(picture), width="stretch",
            alt="Three panels: a drawn scene with two shapes on a textured ground; the attention of the class token in one "
            "layer, on both of them; and the gradient-weighted map for one, whose brightest patches lie on that shape.",
            caption="Left: a drawn scene. Middle: what the class token of scene-vit, the token that answers, reads in layer "
            "10 (mean of 12 heads). Right: its attention in all layers, weighted by the effect on the score of one class "
            "(gradient-weighted rollout). Brighter means more; each panel has its own scale.",
        )  # fmt: skip


def cards() -> None:
    """One card a page, in teaching order."""
    written = lessons()
    names = [name for _, name, _ in TABLE if name in written or name in TOOLS]
    titles = {name: title for _, name, title in TABLE}
    for first in range(0, len(names), 2):
        for column, name in zip(st.columns(2), names[first : first + 2], strict=False):
            with column.container(border=True):
                st.page_link(script(name), label=f"**{titles[name]}**")
                st.caption(_about(name))


def _about(name: str) -> str:
    if name in TOOLS:
        return TOOLS[name]
    lesson = lessons()[name]
    return f"{lesson.minutes} minutes: {lesson.objectives[0]}."


def about(card: Card) -> str:
    """What the bundled model knows, with its measured figures if its card has them."""
    figures = card.measured
    text = (
        f"**{card.name}** has the layers, heads and tokens of the well-known ViT-B/16 (vision transformer, base size, "
        f"patches of 16 pixels: 12 layers of 12 heads, 14 x 14 patches and a class token) in {card.megabytes:.1f} megabytes. "
        f"It knows: {card.knows[:1].lower()}{card.knows[1:]} Because the scenes are drawn by this app, the outline of every "
        "object is known exactly, and each map can be scored instead of admired. It learned from the names of the shapes, "
        "for the whole picture and patch by patch; nobody told its attention where to go. But it did not start from "
        "nothing: nine of the twelve heads of its layers 1 to 6 began as readers of close neighbours, and were then free to "
        "change."
    )
    if figures:
        text += (
            f" On {figures['scenes']} scenes it had never seen, its likeliest class was an object that was there in "
            f"{figures['top1']:.0%} of them; of those with two objects, its two likeliest classes were both right in "
            f"{figures['both']:.0%}."
        )
    return text + (
        " It was never trained on photographs, so its maps of them are computed correctly but say little; the sidebar "
        "offers published models for those, downloaded once on request."
    )
