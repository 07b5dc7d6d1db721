"""A table of texts as HTML: rows and columns where there is room, one card a row on a phone. Every text is escaped."""

from collections.abc import Iterable, Sequence
from html import escape


def table(label: str, head: Sequence[str], rows: Iterable[Sequence[str]], scrolls: bool = False) -> str:
    """The table; the page's style sheet makes cards of it in a narrow window.

    Args:
        label: what it is a table of, for those who do not see it.
        head: names of the columns, which cards repeat before each text.
        rows: the texts of each row, in that order; cards leave out empty ones.
        scrolls: keep it low where there is room; the box that scrolls is reached with Tab.

    >>> "<td role=\\"cell\\" data-label=\\"sum\\">1 &lt; 2</td>" in table("sums", ["sum"], [["1 < 2"]])
    True
    """
    # A cell that is no table cell to the style sheet is still one to a screen reader, which goes by the roles.
    top = "".join(f'<th role="columnheader" scope="col">{escape(name)}</th>' for name in head)
    body = "".join(f'<tr role="row">{"".join(map(_cell, head, row))}</tr>' for row in rows)
    box = f' role="region" tabindex="0" aria-label="{escape(label)}"' if scrolls else ""
    return (
        f'<div class="sightlines-cards"{box}><table role="table" aria-label="{escape(label)}"><thead role="rowgroup">'
        f'<tr role="row">{top}</tr></thead><tbody role="rowgroup">{body}</tbody></table></div>'
    )


def _cell(name: str, text: str) -> str:
    return f'<td role="cell" data-label="{escape(name)}">{escape(text)}</td>'
