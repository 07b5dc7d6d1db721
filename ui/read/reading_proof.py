"""What can be checked about the maps of a reading, and the code, commands and files that make them again."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.page import Reading
from ui.parts import components, snippets, trust
from ui.store.documents import UPLOAD_ID
from visualizer.export import files as export
from visualizer.figures.reading import OPACITY
from vit_attention.cli.recipe import command

DRAW = """from visualizer.measures.reading import token_heat, token_names
from visualizer.figures.reading import page_with_heat

print(token_names(record)[token])
heat = token_heat(record, layers, heads, tokens=[token])[0]  # (rows, columns); sums to 1
page_with_heat(record.image, heat, record.geometry).show()
"""


def card(now: Reading, values: NDArray[np.float32], what: str) -> None:
    """The trust card of one (rows, columns) map, `what` in words, under the chosen layer and head."""
    row = values.ravel() / values.sum()
    checks = [*trust.proof(now.record), trust.spread(row, "cell"), *_hits(now)]
    trust.draw(f"For {now.map_name()}; the entropy is that of {what}.", checks)


def _hits(now: Reading) -> list[tuple[str, str, str]]:
    found = now.hits()
    if found is None:
        meaning = "where the words of your own page stand is not known; on drawn receipts and forms it is"
        return [("against the truth", "unknown", meaning)]
    return [
        *(
            (
                name,
                f"{one.hit:.0%} of {one.tokens} (chance {one.chance:.1%})" if one.tokens else "no such token",
                meaning,
            )
            for name, one, meaning in (
                ("word hit", found.words, "sub-words with a letter whose strongest cell lies on their own print"),
                ("of these, starts of words", found.starts, "the first sub-word of each word"),
                (
                    "of these, what completes them",
                    found.later,
                    "later sub-words, which may be told from the start without looking",
                ),
                ("digit hit", found.digits, "the same for tokens of digits"),
            )
        ),
        ("left out", f"{found.left_out} tokens", "tokens of values read wrong: they stand nowhere on the page"),
    ]


def page_code(document_id: str) -> str:
    """The lines that draw or open the page."""
    kind, _, rest = document_id.partition("-")
    if document_id == UPLOAD_ID or not rest:
        return 'page = "my_page.png"\n'
    if kind == "form":
        return f"from worlds.receipts import form\n\npage = form({rest}).picture\n"
    seed, _, lines = rest.partition("-")
    extra = ", invented=True" * (kind == "invented")
    return f"from worlds.receipts import receipt\n\npage = receipt({seed}, {lines}{extra}).picture\n"


def record_code(now: Reading) -> str:
    """Page, reader, record, and the chosen layer, head and token as variables."""
    layer, head = ("None" if n is None else f"[{n}]" for n in (now.layer, now.head))
    layer_name, head_name = now.map_name().split(", ")
    return (
        f"import vit_attention as va\n{page_code(now.document.id)}model = va.load({now.model!r})\n"
        f"record = model.attend(page, prompt={now.prompt!r})\n"
        f"layers = {layer}  # {layer_name}\nheads = {head}  # {head_name}\n"
        f"token = {now.token}  # token {now.token + 1} of {len(now.tokens)}; numbers begin at 0\n\n"
    )


def map_command(now: Reading, query: int | str, **look: Any) -> str:
    """The command of what was looked at for a token or field, in the chosen head or the mean, drawn like `look`."""
    through = "mean-of-layers" if now.layer is None else "raw"
    return command(
        now.model, now.document.id, now.layer, now.head, through, query, kind="cross", prompt=now.prompt, **look
    )


def code(now: Reading, scale: str, opacity: float) -> None:
    """Python and the command that make the map of the token, drawn with this scale and opacity."""
    drawn = map_command(now, now.token, alpha=opacity, **snippets.scaled(scale, now.heats()))
    components.code_box(record_code(now) + DRAW, [drawn])


def overlay(now: Reading, heat: NDArray[np.float32], what: str) -> bytes:
    """A heat over the page as PNG, `what` in words."""
    caption, look = f"{what}, {now.map_name()}", {"settings": now.model, "opacity": OPACITY}
    return export.overlay_png(now.document.image, heat, now.record.geometry, caption, **look)
