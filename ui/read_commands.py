"""The shell command of page "Inside Swin"."""

from __future__ import annotations

from tutorials.findings.page import Inside
from ui.snippets import scaled
from visualizer.style.scale import Scale
from vit_attention.cli.recipe import command


def cell(now: Inside, scale: Scale, colormap: str, opacity: float) -> str:
    """What the chosen cell reads in its window."""
    where, look = divmod(now.query, now.here.grid[1]), {"colormap": colormap, "alpha": opacity, **scaled(scale)}
    return command(now.model, now.document.id, head=now.head, query=where, stage=now.stage, block=now.block, **look)
