"""A map over text as HTML: every token on a ground of its colour, for browsers, which draw every script."""

import html

from visualizer.figures.token_sheet import ink
from visualizer.method.map import Map
from visualizer.style import theme
from visualizer.style.letters import printable
from visualizer.style.scale import Scale, apply_scale

_BOX = "line-height:2.1;overflow-wrap:anywhere"
_TOKEN = "padding:0.15em 0.25em;border-radius:3px;white-space:pre-wrap"
_ASKS = ";outline:2px solid #d55e00"


def token_html(found: Map, *, scale: str | Scale = "raw", colormap: str = theme.COLORMAP, asking: int = -1) -> str:
    """The tokens in their order, the pieces of one word side by side; everything that came from outside is escaped.

    Args:
        found: over a text.
        scale: a mode of `visualizer.style.scale.MODES`, or a `Scale`.
        colormap: one of `theme.COLORMAPS`; signed maps take a diverging one.
        asking: number of the token to outline, or -1.

    Returns:
        HTML with the scale in words under it.
    """
    scaled = apply_scale(found.row[None], scale, unit=found.unit, signed=found.signed or None)
    grounds = scaled.coloured(scaled.unit_interval()[0], colormap).tolist()
    words, parts = found.axis.words, []
    for n, (name, ground, value) in enumerate(zip(found.names, grounds, found.row.tolist(), strict=True)):
        joined = n > 0 and len(words) > 0 and words[n] == words[n - 1] >= 0
        known = value == value  # not NaN
        look = f"background:rgb({','.join(map(str, ground))});color:{ink(ground)}" if known else "opacity:0.6"
        told = f"{name}: {theme.short(value) if known else 'not defined'}"
        style = f"{_TOKEN};{look}" + _ASKS * (n == asking)
        safe, title = html.escape(printable(name)), html.escape(printable(told))
        parts.append(("" if joined or not n else " ") + f'<span style="{style}" title="{title}">{safe}</span>')
    return f'<div dir="auto" style="{_BOX}">{"".join(parts)}</div><small>{html.escape(scaled.caption)}</small>'
