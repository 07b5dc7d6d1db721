"""What can be checked about a sentence's maps on the caption page, and the code, commands and files that make them again."""

import math
from typing import Any

import numpy as np

from tutorials.findings.captioning import Captioning
from tutorials.findings.captions import HIT
from ui.parts import components, panels, parts, snippets, trust
from ui.read import said_view
from ui.read.captions import COVER, Mapped
from visualizer.export import files as export
from visualizer.measures.entropy import entropy
from visualizer.measures.regions import region_boxes
from visualizer.method import Map
from visualizer.style.scale import Scale
from vit_attention import registry
from vit_attention.cli.recipe import command

DRAW = """from visualizer.measures.regions import region_heat
from visualizer.figures.captions import film_strip, regions_map

decoder = record.maps[-1]  # (heads, words, regions); row t was looked at to choose word t
rows = decoder.weights.mean(axis=0) if head is None else decoder.weights[head]
gates = record.settings["gates"]["decoder"]  # how far open, mean over channels; None without gates
print(decoder.query.labels[word], gates and gates[word])
regions_map(record.image, rows[word], decoder.key, record.geometry, opacity=0.4).show()
maps = region_heat(rows, decoder.key, record.geometry)
film_strip(record.image, maps, decoder.query.labels, record.geometry, opacity=0.4).show()
"""


def card(now: Captioning) -> None:
    """What can be checked about this sentence's maps; nouns are scored against the scene and beside chance."""
    if not panels.wanted(panels.TRUST):
        return
    bits, most = float(entropy(now.row() / now.row().sum())), float(np.log2(len(now.axis)))
    trust.draw(
        f"For {now.in_heads()}; the entropy is that of word {now.word + 1}.",
        [
            *trust.proof(now.record),
            (
                "entropy",
                f"{bits:.2f} bits of {most:.2f}",
                "0: one region holds everything; the maximum: all regions hold the same",
            ),
            *_nouns(now),
        ],
    )


def _nouns(now: Captioning) -> list[tuple[str, str, str]]:
    """Every noun against the scene, then what the benchmark found on many scenes if the bundled model said this."""
    covers = now.covers()
    if not covers:
        meaning = "only drawn scenes, looked at as a grid, come with exact outlines"
        return [("nouns against the truth", "unknown", meaning)]
    found = []
    for word, thing in now.nouns.items():
        figure, meaning = "names nothing there", "no thing of this shape is in the scene: a map cannot make it true"
        if thing is not None:
            row, on = now.rows(now.head)[word], covers[thing] > HIT
            hit = "points into its object" if on[row.argmax()] else "points elsewhere"
            figure = f"{hit}; {row[on].sum():.0%} of its attention on the object's cells"
            meaning = (
                f"strongest cell more than 10 % covered by what is named; a random cell points into it with {on.mean():.0%}, "
                "and evenly spread attention would put as much on it"
            )
        found.append((f"noun “{now.words[word]}”", figure, meaning))
    if known := now.runs and registry.card(now.model).measured.get("two_objects"):
        meaning = (
            f"measured on {known['scenes']} scenes of two objects, mean of heads; chance {known['chance_pointing']:.1%}; "
            f"{known['pairs']:.1%} of the sentences had all colours and shapes right, {known['relation']:.1%} the relation"
        )
        found.append(("nouns on many scenes", f"{known['pointing']:.1%} point into their object", meaning))
    return found


def record_code(now: Captioning) -> str:
    """Picture, model, record, and the chosen head and word as variables."""
    beams = "" if now.beams == 1 else f", beams={now.beams}"
    attended = f"record = model.attend(picture{beams})\n" * now.runs
    return (
        f"import vit_attention as va\n{_made(now)}{attended}head = {now.head}  # {now.head_name()}\n"
        f"word = {now.word}  # word {now.word + 1} of {len(now.words)}; numbers begin at 0\n\n"
    )


def _made(now: Captioning) -> str:
    """Picture and model, or the file of a record."""
    if not now.runs:
        return 'record = va.AttentionRecord.load("caption.npz")\n'
    return f'{snippets.picture_code(now.picture.id)}model = va.load("{now.model}")\n'


def code(now: Captioning, scale: Scale, opacity: float) -> None:
    """Python and the command that make this view, the map drawn with this scale and opacity."""
    look = {"alpha": opacity, **snippets.scaled(scale, now.rows(now.head))}
    command = map_command(now, now.decoder.layer, now.head, now.word, **look)
    components.code_box(record_code(now) + DRAW, [command])


FOUND = (
    "from visualizer.figures.captions import regions_map\n",
    "regions_map(record.image, found.row, found.axis, record.geometry, unit=found.unit, opacity=0.4).show()",
)


def found(now: Mapped, shown: Map, scale: Scale, opacity: float) -> None:
    """The map of another method in words, what can be checked about it, the code and the files."""
    lines = (f"import vit_attention as va\n{_made(now)}", FOUND, "picture")
    said_view.below(now, shown, lines, "captions", scale, opacity)


def map_command(now: Captioning, layer: int, head: int | None, query: int, **look: Any) -> str:
    """The command of what one word or region (0 first) looked at in one map, drawn like `look`."""
    if not now.runs:
        return command(None, now.picture.title, layer, head, query=query, **look)
    return command(now.model, now.picture.id, layer, head, query=query, beams=now.beams, half=True, **look)


def to_csv(now: Captioning) -> str:
    """One line a word and region, both from 1: its box in pixels of the picture, if known, and its share of attention."""
    boxes = region_boxes(now.axis, now.record.geometry).tolist()
    places = [["" if math.isnan(side) else f"{side:g}" for side in box] for box in boxes]
    shares = np.ndenumerate(now.rows(now.head))
    rows = [(word + 1, region + 1, *places[region], str(share)) for (word, region), share in shares]
    return parts.csv_text([("word", "region", "left", "top", "right", "bottom", "share"), *rows])


def downloads(now: Captioning) -> None:
    """This word's picture, all words' weights, the whole record."""
    files = {
        "This word (PNG)": (f"caption-{now.word + 1}.png", _picture),
        "All words (CSV)": ("caption.csv", lambda now: to_csv(now).encode()),
        "Whole record (NPZ)": ("caption.npz", lambda now: parts.saved(now.record.save)),
    }
    components.downloads("captions", files, now=now)


def _picture(now: Captioning) -> bytes:
    gate = "" if now.gates is None else f"; gate {now.gates[now.word]:.1%} open"
    caption = now.map_name() + gate
    return export.overlay_png(
        now.picture.image, now.heat(now.row()), now.record.geometry, caption, settings=now.model, opacity=COVER
    )
