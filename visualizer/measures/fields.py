"""What a document model wrote, token by token: its JSON, its fields, and which token made which character.

Never fails, whatever was written, and takes time linear in the tokens.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

DEEPEST = 32
"""Tags nested deeper than this are not obeyed, so that hostile output cannot exhaust the stack."""
CONTROLS = frozenset({"<s>", "</s>", "<pad>", "<mask>"})
"""Tokens that steer the model and are no text."""
TEXT_SEQUENCE = "text_sequence"
"""The one key of output without any field, as the Donut processor names it."""

_TAG = re.compile(r"<(/?)s_([^>]*)>", re.IGNORECASE)
_SEPARATOR = "<sep/>"
_CATEGORY = re.compile(r"<[^<>/]+/>")
_WORD = re.compile(r"\S+")


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


class Word(NamedTuple):
    """A blank-separated word of a value and the numbers of its tokens."""

    text: str
    tokens: tuple[int, ...]


class Field(NamedTuple):
    """One value.

    Attributes:
        path: keys and places in lists, as they lead through the JSON: "menu.0.price", or "menu.price" in a list of
            one, which the JSON writes without brackets.
        text: the value.
        tokens: numbers of the tokens that made it, tags and blanks at its ends left out.
        words: its words.
    """

    path: str
    text: str
    tokens: tuple[int, ...]
    words: tuple[Word, ...]


def fields(tokens: Sequence[str]) -> tuple[Field, ...]:
    """The values in the order of the JSON; output without tags is one value, "text_sequence".

    Args:
        tokens: sub-words as the tokenizer names them, "▁" before a new word; tags are whole tokens.

    >>> [(f.path, f.words) for f in fields(["<s_nm>", "▁ic", "ed", "▁tea", "</s_nm>"])]
    [('nm', (Word(text='iced', tokens=(1, 2)), Word(text='tea', tokens=(3,))))]
    """
    return tuple(_walk(_parse(tokens), ""))


def as_json(tokens: Sequence[str]) -> Any:
    """The output as nested dictionaries, lists and texts, in the style of Donut (Kim et al. 2022, arXiv:2111.15664).

    Equal to what the Donut processor makes of output whose tags all close in order. A tag without its partner is
    passed over and what it holds belongs to the level above; of a key written twice the last value counts; tags
    deeper than `DEEPEST` are passed over too.

    >>> as_json(["<s_menu>", "<s_nm>", "▁tea", "</s_nm>", "<sep/>", "<s_nm>", "▁pie", "</s_nm>", "</s_menu>", "</s>"])
    {'menu': [{'nm': 'tea'}, {'nm': 'pie'}]}
    """
    return json.loads("\n".join("".join(run.text for run in line) for line in pretty(tokens)))


def pretty(tokens: Sequence[str]) -> list[list[Run]]:
    """The JSON in lines, each cut into runs that know their token: key and end tags own keys and closing signs.

    Joined, the lines are `json.dumps(as_json(tokens), indent=2, ensure_ascii=False)`. A token that left no trace in the
    JSON (the end of the text, a tag without its partner) owns no run.

    >>> for line in pretty(["<s_nm>", "▁ic", "ed", "</s_nm>"]):
    ...     print([tuple(run) for run in line])
    [('{', None)]
    [('  ', None), ('"nm"', 0), (': ', None), ('"', None), ('ic', 1), ('ed', 2), ('"', 3)]
    [('}', None)]
    """
    lines: list[list[Run]] = [[]]
    for run in _laid_out(_parse(tokens), 0):
        if run.text.startswith("\n"):
            lines.append([Run(run.text[1:])] if run.text[1:] else [])
        else:
            lines[-1].append(run)
    return lines


def canonical(path: str) -> str:
    """`path` without the number of a first item, so that a list of one and of several name their first item alike.

    >>> canonical("menu.0.price"), canonical("menu.price"), canonical("menu.1.price")
    ('menu.price', 'menu.price', 'menu.1.price')
    """
    return ".".join(part for part in path.split(".") if part != "0")


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
    items: "list[Leaf | dict[str, Node]]" = field(default_factory=list)
    separators: list[int] = field(default_factory=list)


def _parse(tokens: Sequence[str]) -> Node:
    """What the tokens hold; output in which no tag is obeyed becomes one value, "text_sequence"."""
    root = _node(tokens, _partners(tokens), 0, len(tokens), 0)
    if isinstance(root.items[0], dict):
        return root
    loose = [Run(spoken(t), n) for n, t in enumerate(tokens) if not _TAG.fullmatch(t)]
    return Node(items=[{TEXT_SEQUENCE: Node(items=[_leaf(loose, tokens)])}])


def _partners(tokens: Sequence[str]) -> dict[int, int]:
    """Opening to closing token of every tag that is closed and not crossed."""
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
    return found


def _node(tokens: Sequence[str], partner: dict[int, int], first: int, last: int, depth: int) -> Node:
    """What tokens `first` to `last` (exclusive) hold: dictionaries if a tag is obeyed in there, else texts."""
    levels: list[dict[str, Node]] = [{}]
    parts: list[list[Run]] = [[]]
    out, loose, after_value, at = Node(), [], False, first
    while at < last:
        token = tokens[at]
        if at in partner and depth < DEEPEST:
            child = _node(tokens, partner, at + 1, partner[at], depth + 1)
            child.opened, child.closed = at, partner[at]
            levels[-1][token[3:-1]] = child  # in place of an earlier value of that key, as in a dictionary
            after_value, at = True, partner[at]
        elif token == _SEPARATOR:
            loose.append(at)
            parts.append([])
            if after_value:
                levels.append({})
                out.separators.append(at)
                after_value = False
        elif not _TAG.fullmatch(token):
            parts[-1].append(Run(spoken(token), at))
            after_value = after_value and not spoken(token).strip()
        at += 1
    out.items = [level for level in levels if level]
    if not out.items:
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


def _walk(node: Node, path: str) -> Iterator[Field]:
    for number, one in enumerate(node.items):
        here = path if len(node.items) == 1 else f"{path}.{number}" if path else str(number)
        if isinstance(one, Leaf):
            yield Field(here, one.text, tuple(run.token for run in one.runs if run.token is not None), _words(one.runs))
        else:
            for key, child in one.items():
                yield from _walk(child, f"{here}.{key}" if here else key)


def _words(runs: Sequence[Run]) -> tuple[Word, ...]:
    text = "".join(run.text for run in runs)
    owners = [-1 if run.token is None else run.token for run in runs for _ in run.text]
    return tuple(Word(one[0], tuple(dict.fromkeys(owners[slice(*one.span())]))) for one in _WORD.finditer(text))


def _laid_out(node: Node, depth: int) -> Iterator[Run]:
    """`node` as JSON with its lines broken; what closes it belongs to its end tag."""
    many = len(node.items) != 1
    if many:
        yield Run("[")
    for number, one in enumerate(node.items):
        if many:
            yield from [Run(",", node.separators[number - 1])] * (number > 0)
            yield _line(depth + 1)
        yield from _item(one, depth + many, None if many else node.closed)
    if many:
        yield from (_line(depth), Run("]", node.closed))


def _item(one: Leaf | dict[str, Node], depth: int, closed: int | None) -> Iterator[Run]:
    if isinstance(one, Leaf):
        yield from (Run('"'), *(Run(_escaped(run.text), run.token) for run in one.runs), Run('"', closed))
        return
    yield Run("{")
    for number, (key, child) in enumerate(one.items()):
        yield from [Run(",")] * (number > 0)
        yield from (_line(depth + 1), Run(f'"{_escaped(key)}"', child.opened), Run(": "))
        yield from _laid_out(child, depth + 1)
    yield from (_line(depth), Run("}", closed))


def _line(depth: int) -> Run:
    return Run("\n" + "  " * depth)


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
