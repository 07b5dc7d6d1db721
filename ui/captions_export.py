"""What can be taken away from the caption page: code, command and files."""

from __future__ import annotations

import csv
import io
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from tutorials.findings.captioning import Captioning, let_through
from ui import components, read_commands
from ui.captions import COVER
from ui.captions_snippets import record_code
from visualizer.export import files as export
from visualizer.measures.regions import region_boxes

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


def code(now: Captioning) -> None:
    """Python and the command that make this view."""
    with st.expander("Show me the code"):
        st.code(record_code(now) + DRAW, language="python")
        components.copy_commands([read_commands.word(now)])


def to_csv(now: Captioning) -> str:
    """One line a word and region, both from 1: its box in pixels of the picture, if known, and its share of attention."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("word", "region", "left", "top", "right", "bottom", "share"))
    boxes = region_boxes(now.axis, now.record.geometry)
    places = [["" if math.isnan(side) else f"{side:g}" for side in box] for box in boxes.tolist()]
    for word, row in enumerate(now.rows(now.head), start=1):
        for region, (place, share) in enumerate(zip(places, row, strict=True), start=1):
            writer.writerow((word, region, *place, str(share)))
    return out.getvalue()


def downloads(now: Captioning) -> None:
    """This word's picture, all words' weights, the whole record."""

    def picture() -> bytes:
        heat, gate = now.heat(now.row()), "" if now.gates is None else f"; {let_through(now.gates[now.word])}"
        return export.overlay_png(
            now.picture.image,
            heat,
            now.record.geometry,
            now.map_name() + gate,
            settings=now.model,
            opacity=COVER,
        )

    def bundle() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            return now.record.save(Path(folder) / "told.npz").read_bytes()

    files: dict[str, tuple[str, Callable[[], bytes]]] = {
        "This word (PNG)": (f"caption-{now.word + 1}.png", picture),
        "All words (CSV)": ("caption.csv", lambda: to_csv(now).encode()),
        "Whole record (NPZ)": ("caption.npz", bundle),
    }
    components.downloads("captions", files)
