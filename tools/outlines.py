"""docs/outlines: the outlines of the sample photographs, drawn over them, and whose photographs they are.

Run as ``python -m tools.outlines``; a test compares the page with what it would write.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from visualizer.measures.contour import rims
from worlds.photographs import Photograph, photographs

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "outlines"
WIDTH = 640
COLOURS = ("#e6194b", "#3cb44b", "#ffe119", "#4363d8", "#f58231", "#42d4f4")
PAGE = """# Sample photographs and their outlines

The outlines were drawn by hand over sample photographs of scikit-image, in pixels of the original. Scores of maps against them are
as exact as the lines: within about 3 pixels where an edge is sharp. What lies behind the handle of the cup counts as the cup; the
lattice of a mast counts as filled. `worlds/outline_points.py` holds the points; `python -m tools.outlines` writes this page.
[How much of a map lies on this thing](../how-to/maps.md#how-much-of-a-map-lies-on-this-thing-and-would-a-map-that-knows-nothing-do-as-well)
says how to use them. The licences are those that scikit-image states.

| name | outlines | points | credit | licence |
| --- | --- | ---: | --- | --- |
"""


def drawn(one: Photograph) -> Image.Image:
    """The photograph with every outline in a colour of its own, and the names beside their colours."""
    image = one.open().resize((WIDTH, round(one.size[1] * WIDTH / one.size[0])), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(image)
    for n, (name, outline) in enumerate(one.outlines.items()):
        colour = COLOURS[n % len(COLOURS)]
        for line in rims(outline.mask(image.size), WIDTH):
            pen.line([(x, y) for x, y in line.tolist()], fill=colour, width=2)
        box = pen.textbbox((6, 6 + 16 * n), name)
        pen.rectangle((box[0] - 3, box[1] - 2, box[2] + 3, box[3] + 2), fill="black")
        pen.text((6, 6 + 16 * n), name, fill=colour)
    return image


def row(one: Photograph) -> str:
    """The line of the page about one photograph."""
    points = sum(len(line) for outline in one.outlines.values() for line in outline.polygons)
    return f"| `{one.name}` | {', '.join(one.outlines) or 'none'} | {points or ''} | {one.credit} | {one.licence} |\n"


def page() -> str:
    """What the page says: a line for every photograph, then the drawings."""
    shown = (
        f"\n![{one.title}, with outlines: {', '.join(one.outlines)}]({one.name}.jpg)\n"
        for one in photographs().values()
        if one.outlines
    )
    return PAGE + "".join(map(row, photographs().values())) + "".join(shown)


def main() -> None:
    """Write every drawing and the page."""
    FOLDER.mkdir(exist_ok=True)
    for one in photographs().values():
        if one.outlines:
            drawn(one).save(FOLDER / f"{one.name}.jpg", quality=78, optimize=True)
    (FOLDER / "README.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
