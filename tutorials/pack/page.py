"""Blocks as one HTML page that needs nothing else and prints on A4. Every text is escaped."""

from base64 import b64encode
from collections.abc import Iterable
from html import escape

from tutorials.pack.blocks import Block, Choices, Heading, Picture, Room, Table, Text

_STYLE = """
@page { size: A4; margin: 15mm; }
body { font: 11pt/1.45 system-ui, sans-serif; color: #111; background: #fff; margin: 0 auto; max-width: 180mm; overflow-wrap: anywhere; }
h1 + * { break-before: avoid; } h1:not(:first-child) { break-before: page; }
h1 { font-size: 17pt; } h2 { font-size: 12.5pt; margin: 6mm 0 1mm; break-after: avoid; } p { margin: 1.5mm 0; }
img { display: block; max-width: 100%; margin: 2mm 0; break-inside: avoid; }
ul { list-style: none; padding: 0; margin: 1mm 0; } li::before { content: "☐ "; } li { break-inside: avoid; }
.room { border-bottom: 0.3mm solid #777; height: 8mm; break-inside: avoid; } .label { break-after: avoid; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; font-size: 9.5pt; }
th, td { border: 0.3mm solid #777; padding: 1.5mm; text-align: left; vertical-align: top; }
thead { display: table-header-group; } tr { break-inside: avoid; }
"""


def html(title: str, blocks: Iterable[Block]) -> str:
    """The page."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(map(_drawn, blocks))}</body></html>'


def _drawn(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Text(text):
            return f"<p>{escape(text)}</p>"
        case Choices(options):
            return f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in options)}</ul>"
        case Room(lines, label):
            return (f'<p class="label">{escape(label)}</p>' if label else "") + '<div class="room"></div>' * lines
        case Table():
            return table(block)
        case Picture(data, alt, width):
            kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
            return f'<img alt="{escape(alt)}" style="width:{width}mm" src="data:image/{kind};base64,{b64encode(data).decode()}">'


def table(block: Table) -> str:
    """A table as HTML, every cell escaped."""
    columns = "".join(f'<col style="width:{one}%">' for one in block.widths)
    heads = "".join(f'<th scope="col">{escape(one)}</th>' for one in block.head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in block.rows)
    return f"<table><colgroup>{columns}</colgroup><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
