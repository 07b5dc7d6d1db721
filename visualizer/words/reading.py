"""A reading in text: the JSON with its current token in place, the tokens as plain data, the heat in words."""

import html
from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from visualizer.measures.entropy import entropy
from visualizer.measures.fields import fields, kind, pretty, spoken
from visualizer.measures.reading import token_maps, token_names
from visualizer.style.letters import printable
from visualizer.style.theme import FIRST
from visualizer.words import maps as words
from vit_attention.records import AttentionRecord, Geometry

SHOWN = 3000
"""Most pieces of text in one JSON view; of a longer one the part round the current token is shown."""

_BOX = "white-space:pre-wrap;overflow-wrap:anywhere;font-family:monospace;font-size:0.95rem;line-height:1.6;margin:0"
# Its own ground and ink, so that it reads the same on light and on dark pages; the outline serves without colour.
_CURRENT = "background:#ffd24d;color:#000;outline:2px solid #d55e00;border-radius:2px"


def describe_heads(record: AttentionRecord, token: int) -> str:
    """`heads_of_token` in words: how many cells each head spreads this token's reading over, as entropy in bits."""
    maps, depth = token_maps(record, token)
    bits = [entropy(one.reshape(len(one), -1)) for one in maps]
    return words.describe_grid(bits, f"Entropy of {called(token_names(record), token)}", "bits", layers=depth)


def describe_token(values: ArrayLike, tokens: Sequence[str], current: int, geometry: Geometry | None = None) -> str:
    """The heat of one token in words: the strongest cells with their share and place on the page.

    >>> describe_token([[0.0, 1.0]], ["▁tea"], 0)
    'Read for token 1, "tea": strongest are row 1, column 2 (right) with 1 (share of attention) and row 1, \
column 1 (left) with 0; together they hold 100 % of the sum. Entropy 0 of at most 1 bits.'
    """
    return words.describe(values, name=f"Read for {called(tokens, current)}", geometry=geometry)


def token_runs(tokens: Sequence[str], current: int | None = None) -> list[dict[str, Any]]:
    """The tokens as plain data for a row of buttons: index, text (not escaped), kind, field path or "", current."""
    path = {t: one.path for one in fields(tokens) for t in one.tokens}
    return [
        {
            "index": n,
            "text": shown(token),
            "kind": kind(token),
            "field": path.get(n, ""),
            "current": n == current,
        }
        for n, token in enumerate(tokens)
    ]


def json_html(tokens: Sequence[str], current: int | None = None, *, clickable: bool = True, first: int = 0) -> str:
    """The JSON as HTML with the current token marked in place; everything the model wrote is escaped.

    Every token from `first` on is one element with its number as `data-token`; tokens that left no trace in the JSON
    follow below it. With `clickable` they are buttons by role, of which only the current one is a tab stop: whoever
    listens moves it with the arrow keys. More than `SHOWN` pieces are cut to those round the current token.

    Args:
        tokens: from `token_names`.
        current: number of the token to mark, or None.
        clickable: False writes no roles and no tab stops, for places without a listener.
        first: tokens before this one (the prompt) are text and no elements.
    """
    lines = pretty(tokens)
    runs = [run for line in lines for run in ((("\n", None), *line) if line is not lines[0] else tuple(line))]
    used = {token for _, token in runs if token is not None}
    rest = [(shown(t) + " ", n) for n, t in enumerate(tokens) if n >= first and n not in used]
    stop = current if current is not None else first
    body = _elements(runs, tokens, stop, current, clickable, first)
    more = _elements(rest, tokens, stop, current, clickable, first)
    below = f'<div style="{_BOX};margin-top:0.5rem"><span>not part of the JSON: </span>{more}</div>' if rest else ""
    return f'<div class="reading-json"><pre style="{_BOX}">{body}</pre>{below}</div>'


def shown(token: str) -> str:
    """A token as people read it: without the mark of a new word; tags as they are."""
    return printable(spoken(token).strip() or token)


def called(tokens: Sequence[str], current: int) -> str:
    """A token by its number, from 1, and its text."""
    return f'token {current + FIRST}, "{shown(tokens[current])}"'


def _elements(
    runs: Sequence[tuple[str, int | None]],
    tokens: Sequence[str],
    stop: int,
    current: int | None,
    clickable: bool,
    first: int,
) -> str:
    low, high = _cut([token for _, token in runs], stop)
    out = ["… "] if low else []
    for text, token in runs[low:high]:
        safe = html.escape(printable(text))
        if token is None or token < first:
            out.append(safe)
            continue
        here = token == current
        style = f' style="{_CURRENT}" aria-current="true"' if here else ""
        role = ""
        if clickable:
            role = f' role="button" tabindex="{0 if token == stop else -1}"'
            role += f' aria-label="{html.escape(called(tokens, token))}"'
        out.append(f'<span data-token="{token}"{role}{style}>{safe}</span>')
    return "".join(out) + (" …" if high < len(runs) else "")


def _cut(owners: Sequence[int | None], stop: int) -> tuple[int, int]:
    """First and last (exclusive) of at most `SHOWN` pieces round those of token `stop`."""
    if len(owners) <= SHOWN:
        return 0, len(owners)
    middle = next((n for n, owner in enumerate(owners) if owner is not None and owner >= stop), len(owners))
    low = min(max(0, middle - SHOWN // 2), len(owners) - SHOWN)
    return low, low + SHOWN
