"""Page "One word, one look": the map of a word, the gates of all words, all words at once, all heads of a word."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings.captioning import Captioning, describe_row, shown, turned_round
from tutorials.plain import plain
from ui.frame import state
from ui.parts import components, controls, lesson, widgets
from ui.parts.lesson import View
from ui.read import captions, captions_proof, said, said_view
from ui.read.captions import COVER, OF_BOXES, WORD, Mapped
from visualizer.figures.captions import film_strip, regions_map
from visualizer.figures.charts import gate_bars
from visualizer.figures.mosaic import head_grid
from visualizer.measures.entropy import entropy
from visualizer.measures.regions import region_heat
from visualizer.method import methods
from visualizer.style.scale import MODES, Scale

HEIGHT = 380
"""Pixels of a figure that stands beside a step; the sentence follows it."""
SCALES = ("shared", "per map", "log")
HELD = " Layers are the refiner's, then the decoder's; the regions' features are held fixed."
_JUMP = partial(components.pick_number, WORD)


def word_map(now: Mapped, scale: Scale, opacity: float, truth: Any, way: said.Way) -> tuple[Any, str, str]:
    """Where the decoder looked to choose the word, or the map of another method for it."""
    found = now.found
    look = {"truth": truth, "scale": scale, "opacity": opacity, "height": HEIGHT}
    if found is None:
        together = now.rows(now.head) if scale.mode == "shared" else None
        row, words, caption = (
            now.row(),
            describe_row(now, now.row(), f"Looked at to choose {now.map_name()}"),
            about(now),
        )
        look |= {"together": together, "title": f"To say “{shown(now.words[now.word])}”"}
    else:
        more = HELD * methods()[way.name].spoken + f" {OF_BOXES}" * (now.axis.grid is None)
        row, words, caption = found.row, said_view.in_words(found), said_view.caption(found, way, more)
        look |= {"unit": found.unit, "title": said_view.title(now.asked, way)}
    return regions_map(now.picture.image, row, now.axis, now.record.geometry, **look), words, caption


def _scale(now: Mapped) -> Scale:
    return controls.scale_shown("word", said_view.scales(now.way, SCALES))


def _look(now: Mapped) -> None:
    controls.scale("word", said_view.scales(now.way, SCALES))
    widgets.slider("Opacity of the map", 0.0, 1.0, "word_opacity", COVER, 0.05)
    if now.picture.scene is not None:
        widgets.toggle("Show the true outline of what is named", "named")
        if now.word not in now.nouns:
            st.caption("This word names no thing: all things are outlined.")
    said.not_here(now.asked, now.way)


def _truth(now: Captioning) -> Any:
    """The true outline of the named thing if the reader wants it; of all things for a word that names none."""
    scene = now.picture.scene
    if scene is None or not st.session_state.get("named"):
        return None
    if now.word not in now.nouns:
        return scene.mask
    thing = now.nouns[now.word]
    return None if thing is None else scene.things[thing].mask


def about(now: Captioning) -> str:
    """Probability, entropy and gate of the word, and what is true of the scene; Markdown."""
    chances, bits = now.record.prediction.chances, float(entropy(now.row() / now.row().sum()))
    name = plain(now.map_name().replace("word", "Word", 1))
    said = [f"{name}: entropy {bits:.2f} of at most {np.log2(len(now.axis)):.2f} bits"]
    if len(chances) == len(now.words):
        said.append(f"probability {chance:.1%}" if (chance := chances[now.word]) < 0.9995 else "probability over 99.9%")
    if now.gates is not None:
        said.append(f"gate {now.gates[now.word]:.1%} open")
    return f"{', '.join(said)}. {_true_of(now)}" + OF_BOXES * (now.axis.grid is None)


def _true_of(now: Captioning) -> str:
    if now.truth is None:
        return ""
    turned = " (the same relation, described the other way round)" * turned_round(now)
    near = " The objects lie near a diagonal: another word would be as true." * (not now.truth.clear)
    return f"True of this scene: {now.truth}{turned}.{near} "


def gates(now: Captioning) -> tuple[Any, ...]:
    """The gate of every word; a click on a bar jumps to its word."""
    if now.gates is None:
        return ("The decoder of this network has no gate, or the record does not keep it.",)
    words = [shown(word) for word in now.words]
    each = ", ".join(f"{word} {gate:.0%}" for word, gate in zip(words, now.gates, strict=True))
    return (
        gate_bars(words, now.gates, now.word, title="How far the gate is open", height=300),
        f"How far the gate is open, mean over its channels: {each}.",
        "Mean over the channels, from 0 % (shut) to 100 % (open). Orange: the chosen word. Click a bar to choose its word.",
    )


def strip(now: Captioning, scale: Scale, phone: bool) -> tuple[Any, str, str]:
    """One small picture a word, its gate above it; a click jumps there."""
    words, rows = [shown(word) for word in now.words], now.rows(now.head)
    across, width = (3, 320) if phone else (5, 540)
    return (
        film_strip(
            now.picture.image,
            now.heat(rows),
            words,
            now.record.geometry,
            notes=None if now.gates is None else [f"gate {gate:.0%}" for gate in now.gates],
            chosen=now.word,
            scale=scale,
            title=f"Where each word looked, {now.head_name()}",
            per_row=across,
            width=width,
            opacity=COVER,
        ),
        "\n".join(describe_row(now, row, f"“{word}”") for word, row in zip(words, rows, strict=True)),
        f"Click a picture to choose its word. Scale {scale.mode}: {MODES[scale.mode]}.",
    )


def heads(now: Captioning) -> tuple[Any, str, str]:
    """Every head's map of the chosen word; a click chooses the head."""
    weights, geometry = now.decoder.single[:, now.word], now.record.geometry
    heat = region_heat(weights, now.axis, geometry, finest=48)  # boxes no finer than a mosaic draws
    bits = [f"{bit:.1f} bits" for bit in entropy(weights)]
    each = "; ".join(f"head {n + 1} {one}" for n, one in enumerate(bits))
    return (
        head_grid(
            np.stack([geometry.place(one).values if geometry else one for one in heat]),
            scale="per map",
            captions=bits,
            chosen=now.head,
            clickable=True,
            title=f"Every head for “{shown(now.words[now.word])}”",
            height=HEIGHT,
        ),
        f"Entropy of every head for {now.words[now.word]}: {each}",
        "Each head on a scale of its own. Under its number: the entropy of its row, in bits; 0 if one region gets everything, "
        f"at most {np.log2(len(now.axis)):.1f}. Click a head to choose it. All heads share one gate.",
    )


def below(now: Mapped) -> None:
    """What can be checked, the code and the files of the word's map."""
    opacity = controls.opacity_shown("word_opacity", COVER)
    if now.found is not None:
        captions_proof.found(now, now.found, _scale(now), opacity)
        return
    components.in_words(describe_row(now, now.row(), f"Looked at to choose {now.map_name()}"))
    captions_proof.card(now)
    captions_proof.code(now, _scale(now), opacity)
    captions_proof.downloads(now)


PAGE = lesson.Page(
    "captions",
    {
        "word": View(
            components.shown(
                "captions_map",
                word_map,
                _scale,
                lambda _now: controls.opacity_shown("word_opacity", COVER),
                _truth,
                lambda now: now.way,
            ),
            ("head", "query", "method"),
            _look,
        ),
        "strip": View(
            components.shown(
                "captions_strip",
                strip,
                lambda now: controls.scale_shown("strip", SCALES),
                controls.on_phone,
                pick=_JUMP,
            ),
            ("head", "query"),
            lambda _now: controls.scale("strip", SCALES),
        ),
        "gates": View(components.shown("captions_gates", gates, pick=_JUMP), ("query",)),
        "heads": View(
            components.shown("captions_heads", heads, pick=partial(components.pick_number, state.HEAD)),
            ("head", "query"),
        ),
    },
    below,
    captions.choose,
    captions.context,
    captions.remarks,
    captions.SCENE,
)
