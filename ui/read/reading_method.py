"""The page under the map of a method other than raw attention, and what follows it: words, checks, code, files."""

from typing import Any

from ui.read import reading_proof, said, said_view
from ui.read.reading import Mapped
from visualizer.figures.reading import page_with_heat
from visualizer.method import methods
from visualizer.style.scale import Scale

HELD = " The gradient stops at the encoded page."
DRAW = (
    "from visualizer.figures.reading import page_with_heat\n",
    "page_with_heat(record.image, found.values, record.geometry, unit=found.unit).show()",
)


def figure(now: Mapped, token: int, look: dict[str, Any], way: said.Way) -> tuple[Any, str, str]:
    """The figure, its words and its caption."""
    found = now.found
    assert found is not None, "a way has a map"
    drawn = page_with_heat(
        now.document.image,
        found.values,
        now.record.geometry,
        title=said_view.title(now.asked, way),
        unit=found.unit,
        **look,
    )
    return drawn, said_view.in_words(found), said_view.caption(found, way, HELD * methods()[way.name].spoken)


def below(now: Mapped, scale: Scale, opacity: float) -> None:
    """The map in words, what can be checked about it, the code and the files."""
    found = now.found
    assert found is not None, "a way has a map"
    made = f"import vit_attention as va\n{reading_proof.page_code(now.document.id)}model = va.load({now.model!r})\n"
    said_view.below(now, found, (made, DRAW, "page"), "reading", scale, opacity)
