"""A figure as plain data, and the one place that makes it Plotly's, with the house look."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import plotly.graph_objects as go
import plotly.io

from visualizer.style import theme

CHECKED = False
"""Whether Plotly checks every property of a figure that is built; the tests do, since it doubles the time that building takes."""
CAPTION_WIDTH, TITLE_WIDTH = 56, 42
"""Signs in a line of either: what fits on a phone, 342 pixels across."""
KEPT = ("font", "hoverlabel", "hovermode", "legend", "title", "xaxis", "yaxis")
"""What figures use of the layout of Plotly's default template; the rest would travel with each of them."""


class Sketch:
    """A figure in the making: plain dictionaries as Plotly's, which cost nothing to change.

    Attributes:
        data: traces, each with its type.
        layout: properties of the layout by name; images, shapes and annotations are lists to add to.
        frames: of an animation.
    """

    def __init__(self, *data: dict[str, Any]) -> None:
        self.data = list(data)
        self.layout: dict[str, Any] = {"images": [], "shapes": [], "annotations": []}
        self.frames: list[dict[str, Any]] = []

    def figure(
        self,
        *,
        title: str = "",
        caption: str | Sequence[str] = "",
        labels: Sequence[Mapping[str, Any]] = (),
        shapes: Sequence[Mapping[str, Any]] = (),
        height: int = 420,
        bottom: int = 10,
        top: int = 0,
        under: int = 0,
        **layout: Any,
    ) -> go.Figure:
        """The figure in the house look: clear ground, no legend, nothing to drag, title above and caption below.

        Text colour is left to the page's theme, so that the figure reads on light and on dark pages.

        Args:
            title: plain text above the figure; markup in it is shown, not obeyed.
            caption: plain text under the figure, or its lines; wrapped, and empty lines left out.
            labels: what else is written on the figure, as Plotly's annotations.
            shapes: what is drawn over the shapes that are there.
            height: whole height in pixels.
            bottom, top: room in pixels that the figure itself needs under and over the drawing.
            under: the same, under the caption.
            layout: further properties of the layout, set whole.
        """
        lines = _wrapped(caption)
        shown = theme.safe(title, TITLE_WIDTH)
        more = shown.count("<br>")
        over = top + theme.TOP_MARGIN + (title != "") * (22 + 20 * more)
        margin = {
            "l": theme.SIDE_MARGIN,
            "r": theme.SIDE_MARGIN,
            "t": over,
            "b": bottom + room(caption) + under,
            "pad": 0,
        }
        # Plotly puts the middle of the lines, not their top, where one line would lie.
        named = {"title": {**_TITLE, "text": shown, "pad": {"t": 6 + 11 * more}}} if title else {}
        below = [{**_CAPTION, "text": lines, "yshift": -bottom}] if lines else []
        house = {
            **_HOUSE,
            "template": _template(plotly.io.templates.default),
            "height": height,
            "margin": margin,
            **named,
            **self.layout,
            "annotations": [{"showarrow": False, **one} for one in (*self.layout["annotations"], *labels, *below)],
            "shapes": [*self.layout["shapes"], *shapes],
            **layout,
        }
        house = {name: value for name, value in house.items() if value != []}
        made = go.Figure(self.data, house, self.frames or None, _validate=CHECKED)
        for one in (made, made.layout, *made.data):  # what callers change later is checked
            one._validate = True
        return made


def room(caption: str | Sequence[str]) -> int:
    """Pixels that a caption takes.

    >>> room(""), room(["one line", "another"])
    (0, 32)
    """
    lines = _wrapped(caption)
    return 16 * (lines.count("<br>") + 1) if lines else 0


def _wrapped(caption: str | Sequence[str]) -> str:
    lines = caption.split("\n") if isinstance(caption, str) else "\n".join(filter(None, caption)).split("\n")
    return "<br>".join(_even(line) for line in lines if line)


def _even(line: str) -> str:
    """A line of the caption, wrapped so that its parts are about as long as each other: no number stands alone in the last."""
    parts = theme.safe(line, CAPTION_WIDTH).count("<br>") + 1
    least = max(len(line) // parts, *map(len, line.split()), 1)
    each = next((n for n in range(least, CAPTION_WIDTH) if theme.safe(line, n).count("<br>") < parts), CAPTION_WIDTH)
    return theme.safe(line, each)


# Over the middle of the whole figure: over a drawing beside long names it would run out of the right edge of a phone.
_TITLE = {"x": 0.5, "xref": "container", "xanchor": "center", "y": 1, "yref": "container", "yanchor": "top"}
_TITLE |= {"font": {"size": theme.TITLE_SIZE}}
_CAPTION = {"x": 0.5, "xref": "paper", "xanchor": "center", "y": 0, "yref": "paper", "yanchor": "top"}
_CAPTION |= {"align": "center", "font": {"size": theme.SMALL}, "name": "caption"}
_HOUSE = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"size": theme.FONT_SIZE},
    "showlegend": False,
    "dragmode": False,
    "hoverlabel": {"align": "left"},
    "modebar": {"remove": ["lasso2d", "select2d", "autoScale2d", "zoomIn2d", "zoomOut2d", "toggleSpikelines"]},
}


@lru_cache(maxsize=8)
def _template(name: Any) -> dict[str, Any]:
    """What figures use of a template of Plotly's, given by its name or as it is."""
    if name is None:
        return {"layout": {}}
    whole = plotly.io.templates[name] if isinstance(name, str) else name
    layout = whole.layout.to_plotly_json()
    return {"layout": {key: layout[key] for key in KEPT if key in layout}}
