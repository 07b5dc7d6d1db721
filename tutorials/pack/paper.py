"""Blocks as PDF on A4, in typefaces that have mathematical signs."""

import io
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tutorials.pack.blocks import Block, Choices, Heading, Picture, Room, Table, Text
from vit_attention.heavy import library

MARGIN, LINE, RULE, BOX = 15, 5.5, 8, 3
"""Millimetres: around the page, from line to line, of a line to write on, of a box to tick."""
_FONT = "sans"


def pdf(title: str, blocks: Iterable[Block]) -> bytes:
    """The document."""
    paper = _paper(title)
    for block in blocks:
        _draw(paper, block)
    return bytes(paper.output())


def _paper(title: str) -> Any:
    logging.getLogger("fontTools.subset").setLevel(logging.ERROR)
    paper = library("fpdf").FPDF(format="A4")
    fonts = Path(library("matplotlib").get_data_path()) / "fonts" / "ttf"
    paper.add_font(_FONT, "", fonts / "DejaVuSans.ttf")
    paper.add_font(_FONT, "B", fonts / "DejaVuSans-Bold.ttf")
    paper.set_title(title)
    paper.set_lang("en")
    paper.set_margin(MARGIN)
    paper.set_auto_page_break(True, MARGIN)
    return paper


def _draw(paper: Any, block: Block) -> None:
    match block:
        case Heading(text, level):
            _heading(paper, text, level)
        case Text(text):
            _text(paper, text)
        case Choices(options):
            for option in options:
                _option(paper, option)
        case Room(lines, label):
            _room(paper, lines, label)
        case Table():
            _table(paper, block)
        case Picture(data, alt, width):
            paper.image(io.BytesIO(data), w=width, alt_text=alt)
            paper.ln(2)


def _heading(paper: Any, text: str, level: int) -> None:
    if level == 1 or paper.will_page_break(4 * LINE):
        paper.add_page()
    else:
        paper.ln(3)
    paper.set_font(_FONT, "B", 16 if level == 1 else 12)
    paper.multi_cell(0, 8 if level == 1 else 6, text, align="L", new_x="LMARGIN", new_y="NEXT")
    paper.ln(1)


def _text(paper: Any, text: str) -> None:
    paper.set_font(_FONT, "", 10)
    paper.multi_cell(0, LINE, text, align="L", new_x="LMARGIN", new_y="NEXT")
    paper.ln(1)


def _option(paper: Any, text: str) -> None:
    if paper.will_page_break(LINE + 1):
        paper.add_page()
    paper.rect(paper.l_margin, paper.get_y() + 1, BOX, BOX)
    paper.set_x(paper.l_margin + BOX + 2)
    _text(paper, text)


def _room(paper: Any, lines: int, label: str) -> None:
    if paper.will_page_break(LINE + lines * RULE):
        paper.add_page()
    if label:
        _text(paper, label)
    for _ in range(lines):
        paper.ln(RULE)
        paper.line(paper.l_margin, paper.get_y(), paper.w - paper.r_margin, paper.get_y())
    paper.ln(3)


def _table(paper: Any, block: Table) -> None:
    paper.set_font(_FONT, "", 8)
    with paper.table(col_widths=block.widths, text_align="LEFT", line_height=4, padding=1, width=paper.epw) as table:
        for cells in (block.head, *block.rows):
            row = table.row()
            for cell in cells:
                row.cell(cell)
    paper.ln(2)
