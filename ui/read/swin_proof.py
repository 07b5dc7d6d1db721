"""What can be checked about the map on page "Inside Swin", and the code, command and files that make it again."""

from typing import Any

import numpy as np

from tutorials.findings.page import Inside
from ui.parts import components, panels, snippets, trust
from ui.read.reading_proof import page_code
from visualizer.export import files as export
from visualizer.measures.windows import forbidden_share, window_distance, window_entropy
from vit_attention.cli.recipe import command


def below(now: Inside, look: dict[str, Any]) -> None:
    """What can be checked about the cell's row, the code that draws it like `look`, and its files."""
    card(now)
    code(now, look)
    files = {
        "Map (PNG)": ("swin.png", _picture),
        "Map (CSV)": ("swin.csv", lambda now: components.csv(now.row())),
        "Bias of every head (CSV)": ("swin-bias.csv", lambda now: bias_csv(now).encode()),
    }
    components.downloads("swin", files, now=now)


def card(now: Inside) -> None:
    """What can be checked about the query's row, if it is wanted."""
    if not panels.wanted(panels.TRUST):
        return
    block, query = now.windows, now.query
    kinds, barred, row = block.kinds(query), block.forbidden(query), now.row()
    inside, beyond, captured = float(np.nansum(row)), now.outside(), int(np.isfinite(row).sum())
    bits, most = window_entropy(now.of_head(block.tile(query))[None], kinds)
    trust.draw(
        f"For {now.map_name()}, cell in {_place(now)}.",
        [
            (
                "parity residual",
                "not proved" if block.residual is None else f"{block.residual:.1e}",
                "largest difference, over a few rows of every window captured, between the block's output and the output recomputed "
                "from these weights; about a millionth of the size of what is compared is the rounding of 32-bit numbers",
            ),
            (
                "sum over the window",
                f"{inside + beyond:.4f}",
                f"the row must sum to 1: {inside:.4f} on the page and {beyond:.4f} on padding; weights are kept in half precision "
                "(16 bits a number), which alone gives up to 5e-4",
            ),
            (
                "on forbidden cells",
                f"{float(row[barred].sum()):.1e} on {int(barred.sum())} cells",
                f"the mask forbids {forbidden_share(kinds):.0%} of the window's cells by subtracting 100 from their scores: not 0 by "
                "definition, but so little that half precision rounds it to 0",
            ),
            (
                "entropy",
                f"{bits[0]:.2f} of {most:.2f} bits",
                "0: one cell has all the weight; the maximum, log2 of the cells allowed: all have the same",
            ),
            (
                "distance",
                f"{window_distance(row[None], query, block.cell)[0]:.1f} pixels",
                "mean distance to the cells that are read, from centre to centre, in pixels of the model's input",
            ),
            (
                "off the window",
                "not defined",
                f"{row.size - captured:,} of {row.size:,} cells; the block never compared them, which is not a weight of 0",
            ),
            (
                "against the truth",
                "not asked",
                "cells of an encoder have no right answer to point at; page “From token to field” scores the decoder's maps against "
                "true boxes",
            ),
        ],
    )


def _place(now: Inside) -> str:
    row, column = divmod(now.query, now.here.grid[1])
    return f"row {row + 1}, column {column + 1}"


def code(now: Inside, look: dict[str, Any]) -> None:
    """Code that makes exactly this map, for a notebook, and the command that draws it like `look`."""
    of_head = ".mean(axis=0)" if now.head is None else f"[{now.head}]"
    missed = ".mean()" if now.head is None else of_head
    lines = (
        f"import vit_attention as va\nfrom visualizer import bias_map, window_map\n{page_code(now.document.id)}"
        f"model = va.load({now.model!r})\nready = model.prepare(page)\n"
        f"stage, block = {now.stage}, {now.block}  # numbers begin at 0\n"
        f"query = {now.query}  # {_place(now)} of {now.here.grid[0]} x {now.here.grid[1]} cells\n"
        "found = model.windows(page, stage, block, queries=[query])\n"
        "weights = found.row(query)  # (heads, rows, columns), NaN off the window\n"
        f"window_map(ready.image, weights{of_head}, found.cell, ready.geometry, query=query, forbidden=found.forbidden(query),\n"
        f"           outside=found.outside(query){missed}).show()\n"
        f"bias_map(found.bias[{now.head or 0}]).show()\nprint(found.residual)\n"
    )
    components.code_box(
        lines,
        [
            command(
                now.model,
                now.document.id,
                head=now.head,
                query=divmod(now.query, now.here.grid[1]),
                stage=now.stage,
                block=now.block,
                colormap=look["colormap"],
                alpha=look["opacity"],
                **snippets.scaled(look["scale"]),
            )
        ],
    )


def _picture(now: Inside) -> bytes:
    return export.overlay_png(
        now.document.image,
        np.where(now.windows.forbidden(now.query), np.nan, now.row()),
        now.geometry,
        f"{now.model}: {now.map_name()}, cell in {_place(now)}; only its window is defined",
        query=(now.query,),
    )


def bias_csv(now: Inside) -> str:
    """One line per head and offset: head (from 1), rows down, columns right, bias."""
    reach, biases = now.windows.window - 1, np.ndenumerate(now.windows.bias)
    lines = [f"{head + 1},{row - reach},{column - reach},{value}\n" for (head, row, column), value in biases]
    return "".join(["head,rows down,columns right,bias\n", *lines])
