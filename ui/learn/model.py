"""Page "The whole model": its blocks to click, their shapes beside ViT-B/16's, and where its parameters are."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import streamlit as st

from tutorials.findings import whole
from tutorials.plain import plain
from ui.frame import state
from ui.parts import components, controls, lesson, looking, parts, pickers, trust, widgets
from ui.parts.lesson import View
from ui.store import resources
from visualizer.figures.blocks import VIT_B_16, Block, Sizes, block_diagram, blocks

BLOCK, FIRST = "block", "scene-vit"
"""Key of the chosen block, a number from 1; the model at first, one with classes."""

CODE = """from visualizer.figures.blocks import Sizes, block_diagram

block_diagram({of!r}, chosen={chosen}).show()
"""


class Looked(NamedTuple):
    """The model's name and sizes and the chosen block; no picture is looked at and no model is run."""

    model: str
    of: Sizes
    block: int
    run: Any = resources.run

    @property
    def view(self) -> tuple[object, ...]:
        """What the answers belong to."""
        return (self.model,)

    @property
    def known(self) -> Block:
        """The chosen block."""
        return blocks(self.of)[self.block - 1]


def choose(_picture: str) -> str:
    """Draw the menu of models; the name of the one that is shown."""
    with st.sidebar:
        pickers.model(("classify", "label"), FIRST)
    return looking.model_shown()


def context(model: str, needs: Sequence[str]) -> Looked:
    """Draw the picker of blocks, the twin of a click; what the figures are given."""
    with parts.or_stop(f"{model} cannot be drawn as blocks", "model"):
        of: Sizes = whole.SIZES.get(model) or resources.run(_sizes, model, None)
    tip = "In the order of the pass; 1 is the picture."
    place = st if BLOCK in needs else None
    return Looked(model, of, widgets.slider("Block", 1, len(blocks(of)), BLOCK, 1, place=place, help=tip))


def _sizes(model: Any, _picture: None) -> Sizes:
    return whole.sizes_of(model)


def _listed(of: Sizes) -> list[str]:
    both = zip(blocks(of), blocks(VIT_B_16), strict=True)
    return [f"{n}. {one.name}: {one.shape} ({VIT_B_16.name}: {two.shape})" for n, (one, two) in enumerate(both, 1)]


def diagram(now: Looked) -> None:
    """All blocks with one layer opened; a click chooses a block, and the line below says what it does."""
    phone, chosen = controls.on_phone(), now.block - 1
    components.kept(now, "model_blocks", _diagram, chosen, phone, pick=partial(components.pick_number, BLOCK))
    other = blocks(VIT_B_16)[chosen]
    st.caption(
        f"**{now.block}. {now.known.name}.** {plain(now.known.does)} Shape: {now.known.shape} ("
        f"{VIT_B_16.name}: {other.shape})."
    )


def _diagram(now: Looked, chosen: int, phone: bool) -> tuple[Any, str]:
    figure = block_diagram(now.of, chosen=chosen, vertical=phone, title=now.of.name)
    return (
        figure,
        f"{now.of.name} as blocks; chosen: block {now.block}, {now.known.name}. {'; '.join(_listed(now.of))}.",
    )


def share(now: Looked) -> None:
    """Where the parameters are, here and in ViT-B/16."""
    for number, of in enumerate(dict.fromkeys((now.of, VIT_B_16))):
        counts = whole.parameters(of)
        components.bar_chart(
            f"model_share_{number}",
            [(part, 100 * count / of.parameters) for part, count in counts.items()],
            "% of all parameters",
            "{} {:.0f} %",
            (f"Parameters of {of.name}: ", "."),
            title=f"{of.name}: {of.parameters:,} parameters",
            height=200,
        )


def below(now: Looked) -> None:
    """The blocks in words, what can be checked about their sizes, the code, and the table as a file."""
    components.in_words("\n".join(_listed(now.of)))
    trust.draw("", facts(now.of))
    components.code_box(CODE.format(of=now.of, chosen=now.block - 1))
    components.downloads("model", {"Shapes (CSV)": ("shapes.csv", partial(shapes_csv, now.of))})


def facts(of: Sizes) -> list[trust.Fact]:
    """What can be checked about the numbers of the diagram."""
    sublayers = sum(count for part, count in whole.parameters(of).items() if part != whole.EMBEDDING)
    formula = (
        "layers × (4 × width² + 6 × width for attention, 2 × width × inner width + inner width + 3 × width for the MLP)"
    )
    return [
        ("parameters of the sublayers", f"{sublayers:,}", f"{formula}, norms and biases included"),
        ("all parameters", f"{of.parameters:,}", "counted in the network itself; so are the widths, heads and layers"),
        ("what the model sees", "not shown", "no picture is looked at on this page, and the model is not run"),
    ]


def shapes_csv(of: Sizes) -> bytes:
    """The blocks as a table: number, name, the shape that leaves it, and the same of ViT-B/16."""
    both = zip(blocks(of), blocks(VIT_B_16), strict=True)
    lines = [f"{n},{one.name!r},{one.shape},{two.shape}" for n, (one, two) in enumerate(both, 1)]
    return "\n".join(["number,block,shape,shape in ViT-B/16", *lines, ""]).replace("'", '"').encode()


PAGE = lesson.Page(
    "model",
    {"diagram": View(diagram, (BLOCK,)), "parameters": View(share, ())},
    below,
    choose,
    context,
    lambda _now: None,
    state.MODEL,
)
