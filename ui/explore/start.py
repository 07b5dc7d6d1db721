"""The table of pages, and the parts of the first one; no torch, no Plotly, so that it is there at once."""

from pathlib import Path

import streamlit as st

from tutorials.lessons import lessons
from ui.frame.table import PAGES, script
from vit_attention.models.cards import CARDS, Card

ASSETS = Path(__file__).resolve().parents[1] / "assets"


def draw() -> None:
    """The whole page."""
    st.markdown(
        "A vision transformer cuts a picture into patches and lets every patch read from every other one, in several layers "
        "with several *heads* each. How much each reads from which is called *attention*. **Sightlines** shows you the "
        "attention of real, trained models while they name a drawing, read a receipt or tell what they see, explains how it "
        "is computed, and helps you ask the question that matters: *may I believe this map?*"
    )
    # Drawn ahead of time by `python -m benchmarks.first_picture`.
    st.image(
        str(ASSETS / "first-picture.jpg"),
        width="stretch",
        alt="Three panels: a drawn scene with two shapes on a textured ground; the attention of the class token in one "
        "layer, on both of them; and the relevance map for one, whose brightest patches lie on that shape.",
        caption="Left: a drawn scene. Middle: what the class token of scene-vit, the token that answers, reads in layer "
        "10 (mean of 12 heads). Right: its attention in all layers, weighted by the effect on the score of one class "
        "(relevance, Chefer et al. 2021). Brighter means more; each panel has its own scale.",
    )
    st.header("Where to begin", anchor=False)
    cards()
    st.header("What the bundled models can and cannot see", anchor=False)
    by_name = {card.name: card for card in CARDS}
    for name, about in (
        ("scene-vit", about_classifier),
        ("photo-dino", about_photographs),
        ("receipt-donut", about_reader),
        ("scene-aoanet", about_captioner),
        ("scene-clip", about_labels),
        ("review-encoder", about_sentences),
    ):
        st.markdown(about(by_name[name]))
    st.header("How to read a page", anchor=False)
    st.markdown(
        "- The **bar at the top** leads to all pages; the **sidebar** holds what the pages of a section share: model, picture, "
        "layer, head, and which token asks. On a phone, the arrow at the top left opens both.\n"
        "- Each lesson asks you to **guess first**; the outcome is computed from what you look at, and so is the answer to "
        "its check question.\n"
        "- Sentences about what attention “means” stand under **Claims to test**. Press the button and see whether they hold on "
        "this picture; one picture proves none of them.\n"
        "- Under each map: the map **in words**, a **trust card**, the **code** that makes it, and **export**.\n"
        "- The address in your browser always restores what you see (own pictures excepted: they stay in your session)."
    )


def cards() -> None:
    """One card a page, in teaching order, section by section."""
    for group in dict.fromkeys(one.section for one in PAGES if one.section):
        st.subheader(group, anchor=False)
        pages = [one for one in PAGES if one.section == group]
        for first in range(0, len(pages), 2):
            for column, one in zip(st.columns(2), pages[first : first + 2], strict=False):
                with column.container(border=True):
                    st.page_link(script(one.name), label=f"**{one.title}**")
                    lesson = lessons().get(one.name)
                    st.caption(f"{lesson.minutes} minutes: {lesson.objectives[0]}." if lesson else one.about)


def about_classifier(card: Card) -> str:
    """What the bundled model knows, with its measured figures if its card has them."""
    figures = card.measured
    measured = figures and (
        f" On {figures['scenes']} scenes it had never seen, its likeliest class was an object that was there in "
        f"{figures['top1']:.0%} of them; of those with two objects, its two likeliest classes were both right in "
        f"{figures['both']:.0%}."
    )
    return (
        f"**{card.name}** has the layers, heads and tokens of the well-known ViT-B/16 (vision transformer, base size, "
        f"patches of 16 pixels: 12 layers of 12 heads, 14 x 14 patches and a class token) in {card.megabytes:.1f} megabytes. "
        f"It knows: {card.knows[:1].lower()}{card.knows[1:]} Because the scenes are drawn by this app, the outline of every "
        "object is known exactly, and each map can be scored instead of admired. It learned from the names of the shapes, "
        "for the whole picture and patch by patch; nobody told its attention where to go. But it did not start from "
        "nothing: nine of the twelve heads of its layers 1 to 6 began as readers of close neighbours, and were then free to "
        f"change.{measured or ''} It was never trained on photographs, so its maps of them are computed correctly but say "
        "little; photo-dino is for those, and the sidebar offers published models, downloaded once on request."
    )


def about_photographs(card: Card) -> str:
    """What the bundled model for photographs is, with its measured figures if its card has them."""
    found = card.measured.get("cosine")
    measured = found and (
        f" The 8-bit copy here is close to the original: on {len(found)} sample photographs, in every layer and head, what the "
        f"class token reads has a cosine similarity of at least {min(found.values()):.4f} with what it reads in full precision."
    )
    return (
        f"**{card.name}** is for photographs: a published DINOv2 ViT-S/14 of {card.parameters / 1e6:.0f} million numbers in "
        f"{card.megabytes:.1f} megabytes. It was trained without labels on 142 million photographs and then fine-tuned on object "
        "masks (saliency). It names no classes and has no registers, and its class token's last output fed no loss, so that a head "
        "that outlines the cup says nothing about self-supervision. Ask it what a token reads, which patches resemble one another "
        f"and where sinks are; it cannot say why a picture is a cat.{measured or ''}"
    )


def about_reader(card: Card) -> str:
    """What the bundled reader knows, with its measured figures if its card has them."""
    found = card.measured.get("receipts")
    measured = found and (
        f" On {found['pages']} receipts it had never seen, it read {found['fields']:.0%} of the fields and "
        f"{found['exact']:.0%} of the whole receipts without a fault. On your own pages it will mostly fail, and its maps "
        "then show where it looked in vain; published readers are offered in the sidebar."
    )
    return (
        f"**{card.name}** is a small Donut (an encoder of windows, Swin, and a decoder that writes) in {card.megabytes:.1f} "
        "megabytes. It reads pages printed by this app, so the box of every character is known. It learned from the texts "
        "and, for its encoder, from which character covers each cell; nobody told its decoder where to look."
        f"{measured or ''}"
    )


def about_labels(card: Card) -> str:
    """What the bundled dual encoder compares."""
    return (
        f"**{card.name}** (CLIP) has an encoder of pictures and one of texts, in {card.megabytes:.1f} megabytes, and was trained "
        "to put a scene beside the phrases that are true of it, such as “red ring”. It names no classes: in the playground you "
        "write the labels, and its maps show which patches resemble which label. It knows the eight colours and twelve shapes "
        "of the drawn scenes, and says which of your words it has never seen."
    )


def about_sentences(card: Card) -> str:
    """What the bundled text encoder reads."""
    return (
        f"**{card.name}** (BERT) reads a review in one or two sentences, in {card.megabytes:.1f} megabytes, and says whether it "
        "praises. The playground shows which word looks at which. The reviews are made up by this app, so that the words that "
        "decide the verdict are known, through negation and contrast; on other texts its verdict is a guess."
    )


def about_captioner(card: Card) -> str:
    """What the bundled captioner knows, with its measured figures if its card has them."""
    found = card.measured.get("two_objects")
    measured = found and (
        f" On {found['scenes']} scenes of two objects it had never seen, every colour and shape was right in "
        f"{found['pairs']:.1%}, and its nouns looked into the object they name in {found['pointing']:.1%}. Anything but "
        "these drawings gets the same kind of sentence, and it means nothing."
    )
    return (
        f"**{card.name}** (AoANet, attention on attention) tells in one sentence what one or two drawn shapes are and how "
        f"they lie, in {card.megabytes:.1f} megabytes.{measured or ''}"
    )
