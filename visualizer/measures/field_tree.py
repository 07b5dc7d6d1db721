"""The tree behind the tags that a document model wrote; every character knows its token. Never fails, linear in time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

DEEPEST = 32
"""Tags nested deeper than this are not obeyed, so that hostile output cannot exhaust the stack."""
CONTROLS = frozenset({"<s>", "</s>", "<pad>", "<mask>"})
"""Tokens that steer the model and are no text."""
TEXT_SEQUENCE = "text_sequence"
"""The one key of output without any field, as the Donut processor names it."""

_TAG = re.compile(r"<(/?)s_([^>]*)>", re.IGNORECASE)
_SEPARATOR = "<sep/>"
_CATEGORY = re.compile(r"<[^<>/]+/>")


class Run(NamedTuple):
    """A stretch of characters and the token that made them; None for what only the layout adds."""

    text: str
    token: int | None = None


def spoken(token: str) -> str:
    """The characters a token stands for, "▁" as a blank.

    >>> spoken("▁ic"), spoken("</s>")
    (' ic', '')
    """
    return "" if token in CONTROLS else token.replace("▁", " ")


def kind(token: str) -> str:
    """ "open", "close", "separator", "control", "category", or for text "word" (starts one) or "part".

    >>> [kind(t) for t in ("<s_menu>", "</s_menu>", "<sep/>", "</s>", "<yes/>", "▁ic", "ed")]
    ['open', 'close', 'separator', 'control', 'category', 'word', 'part']
    """
    tag = _TAG.fullmatch(token)
    if tag:
        return "close" if tag[1] else "open"
    if token == _SEPARATOR:
        return "separator"
    if token in CONTROLS:
        return "control"
    return "category" if _CATEGORY.fullmatch(token) else "word" if token.startswith("▁") else "part"


@dataclass
class Leaf:
    """A text as runs without blanks at its ends."""

    runs: list[Run]

    @property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)


@dataclass
class Node:
    """What stands between a tag and its end: leaves or dictionaries, with the separators between them."""

    opened: int | None = None
    closed: int | None = None
    items: list[Leaf | dict[str, Node]] = field(default_factory=list)
    separators: list[int] = field(default_factory=list)


def parse(tokens: Sequence[str]) -> Node:
    """What the tokens hold; output in which no tag is obeyed becomes one value, "text_sequence"."""
    partner = _partners(tokens)
    root = _node(tokens, partner, 0, len(tokens))
    if isinstance(root.items[0], dict):
        return root
    loose = [Run(spoken(t), n) for n, t in enumerate(tokens) if not _TAG.fullmatch(t)]
    return Node(items=[{TEXT_SEQUENCE: Node(items=[_leaf(loose, tokens)])}])


def _partners(tokens: Sequence[str]) -> dict[int, int]:
    """Opening to closing token of every tag that is obeyed: closed, not crossed, not too deep. Linear in the tokens."""
    found: dict[int, int] = {}
    stack: list[tuple[str, int]] = []
    waiting: dict[str, int] = {}
    for number, token in enumerate(tokens):
        tag = _TAG.fullmatch(token)
        if not tag:
            continue
        key = tag[2].lower()
        if not tag[1]:
            stack.append((key, number))
            waiting[key] = waiting.get(key, 0) + 1
        elif waiting.get(key):
            while stack:
                name, opened = stack.pop()
                waiting[name] -= 1
                if name == key:
                    found[opened] = number
                    break
    return _shallow(found)


def _shallow(found: dict[int, int]) -> dict[int, int]:
    """The pairs that at most `DEEPEST - 1` others enclose."""
    kept: dict[int, int] = {}
    ends: list[int] = []
    for opened in sorted(found):
        while ends and ends[-1] < opened:
            ends.pop()
        if len(ends) < DEEPEST:
            kept[opened] = found[opened]
            ends.append(found[opened])
    return kept


def _node(tokens: Sequence[str], partner: dict[int, int], first: int, last: int) -> Node:
    """What tokens `first` to `last` (exclusive) hold: dictionaries if a tag is obeyed in there, else texts."""
    out, inner, parts, loose = Node(), {}, [[]], []  # type: ignore[var-annotated]
    level: list[dict[str, Node]] = []
    after_value, at = False, first
    while at < last:
        token = tokens[at]
        if at in partner:
            child = _node(tokens, partner, at + 1, partner[at])
            child.opened, child.closed = at, partner[at]
            # In place of an earlier value of that key, as in a dictionary.
            inner[token[3:-1]] = child
            after_value, at = True, partner[at] + 1
            continue
        if token == _SEPARATOR:
            loose.append(at)
            parts.append([])
            if after_value:
                level.append(inner)
                out.separators.append(at)
                inner, after_value = {}, False
        elif not _TAG.fullmatch(token):
            parts[-1].append(Run(spoken(token), at))
            after_value = after_value and not spoken(token).strip()
        at += 1
    if level or inner:
        out.items = [*level, *([inner] if inner else [])]
    else:
        out.items, out.separators = [_leaf(part, tokens) for part in parts], loose
    return out


def _leaf(runs: Sequence[Run], tokens: Sequence[str]) -> Leaf:
    """The runs without blanks at the ends; a value that is nothing but <yes/> reads "yes"."""
    solid = [n for n, run in enumerate(runs) if run.text.strip()]
    kept = [run for run in runs[solid[0] : solid[-1] + 1] if run.text] if solid else []
    if kept:
        kept[0] = kept[0]._replace(text=kept[0].text.lstrip())
        kept[-1] = kept[-1]._replace(text=kept[-1].text.rstrip())
    if len(kept) == 1 and kept[0].token is not None and _CATEGORY.fullmatch(tokens[kept[0].token]):
        kept = [kept[0]._replace(text=kept[0].text[1:-2])]
    return Leaf(kept)
