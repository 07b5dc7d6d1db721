"""A record as one small block of HTML: picture, what was said, and the last layer's mean map. Needs no script, no request."""

import base64
import html
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visualizer.figures import canvas
from visualizer.figures.composite import paint
from visualizer.method import methods
from visualizer.method.base import Map
from visualizer.style import theme
from visualizer.style.letters import printable
from visualizer.style.scale import Scaled, apply_scale
from vit_attention.records import AttentionRecord

SIDE = 256
"""Longest side of a picture in the block, in pixels."""
WORDS = 120
"""Most tokens that are shown of a text."""
NOTES = 8
"""Most notes that are shown."""
_CELL = "display:inline-block;vertical-align:top;margin:0 14px 6px 0;max-width:300px"


def block(record: AttentionRecord) -> str:
    """HTML of a record for a notebook; all that came from a file or a model is escaped.

    >>> block(AttentionRecord(()))[:38]
    '<div style="font-family:sans-serif;fon'
    """
    parts = [_picture(record), _map(record), _said(record)]
    cells = "".join(f'<div style="{_CELL}">{part}</div>' for part in parts if part)
    head = f'<div style="margin-bottom:4px"><code>{_safe(repr(record)[1:-1])}</code></div>'
    notes = [*record.settings.get("notes", ())][:NOTES]
    said = "".join(f"<li>{_safe(one)}</li>" for one in notes)
    foot = f'<ul style="margin:0;padding-left:18px">{said}</ul>' if said else ""
    return f'<div style="font-family:sans-serif;font-size:13px">{head}{cells}{foot}</div>'


def _safe(text: object, most: int = 300) -> str:
    plain = printable(text)
    return html.escape(plain if len(plain) <= most else f"{plain[: most - 1]}…")


def _image(address: str, words: str) -> str:
    return f'<img src="{address}" alt="{_safe(words)}" style="max-width:100%"><div>{_safe(words)}</div>'


def _picture(record: AttentionRecord) -> str:
    """What went in: the picture, or the text."""
    if record.text:
        return f"<b>text</b><div>{_safe(record.text, 600)}</div>"
    return _image(canvas.data_uri(record.image, SIDE), "the picture") if record.picture else ""


def _map(record: AttentionRecord) -> str:
    """The mean over the heads of the last layer, on the picture or as words; or why there is none."""
    try:
        found = methods()["raw"](record)
        if found.axis.kind == "text":
            return _words(found)
        scaled = apply_scale(found.values, unit=found.unit)
    except ValueError as error:
        return f"<i>{_safe(error)}</i>"
    return _image(_drawn(record, scaled), f"{found.words}; {scaled.caption}")


def _drawn(record: AttentionRecord, scaled: Scaled) -> str:
    where = record.geometry
    if record.picture and where is not None:
        width, height = where.original
        shrink = SIDE / max(width, height)
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        canvas.fitting(record.image, where)
        return canvas.data_uri(Image.fromarray(paint(record.image, scaled, where, size, theme.COLORMAP, 0.6)), SIDE)
    cells = np.where(np.isnan(scaled.values)[..., None], 255, _colours(scaled.unit_interval())).astype(np.uint8)
    small, out = Image.fromarray(cells), io.BytesIO()
    step = max(1, SIDE // max(small.size))
    small.resize((small.width * step, small.height * step), Image.Resampling.NEAREST).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def _colours(share: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(theme.table(theme.COLORMAP)[np.nan_to_num(np.round(share * 255)).astype(int)])


def _words(found: Map) -> str:
    """Tokens on grounds of the map's colours, each with its number for those who hover."""
    shares = apply_scale(found.row[None], unit=found.unit)
    names = found.names[:WORDS]
    cells = []
    for name, value, colour in zip(names, found.row, _colours(shares.unit_interval())[0].tolist(), strict=False):
        ink = "#000" if sum(colour) > 380 else "#fff"
        look = f"background:rgb{tuple(colour)};color:{ink};padding:0 2px".replace(" ", "")
        cells.append(f'<span style="{look}" title="{theme.short(float(value))}">{_safe(name, 30)}</span>')
    more = f" … and {len(found.names) - len(names)} more" if len(found.names) > len(names) else ""
    return f'<div style="line-height:1.7">{" ".join(cells)}{more}</div><div>{_safe(f"{found.words}; {shares.caption}")}</div>'


def _said(record: AttentionRecord) -> str:
    said = record.prediction
    if said.text:
        return f"<b>said</b><div>{_safe(said.text, 600)}</div>"
    rows = []
    for label, chance in said.top(3):
        bar = f"display:inline-block;height:9px;width:{90 * chance:.0f}px;background:{theme.LINES[0]}"
        rows.append(f'<div><span style="{bar}"></span> {_safe(label, 60)} {chance:.1%}</div>')
    return "".join(rows) and f"<b>prediction</b>{''.join(rows)}"
