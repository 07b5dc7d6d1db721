"""What a document model wrote, token by token: its JSON, its fields, and which token made which character."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from visualizer.measures.field_tree import DEEPEST, TEXT_SEQUENCE, Leaf, Node, Run, kind, parse, spoken

__all__ = [
    "DEEPEST", "TEXT_SEQUENCE", "Field", "Run", "Word", "as_json", "canonical", "fields", "kind", "pretty", "spoken",
]  # fmt: skip

_BLANK_OR_NOT = re.compile(r"\s+|\S+")


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
    return tuple(_walk(parse(tokens), ""))


def as_json(tokens: Sequence[str]) -> Any:
    """The output as nested dictionaries, lists and texts, in the style of Donut (Kim et al. 2022, arXiv:2111.15664).

    Equal to what the Donut processor makes of output whose tags all close in order. A tag without its partner is
    passed over and what it holds belongs to the level above; of a key written twice the last value counts; tags
    deeper than `DEEPEST` are passed over too.

    >>> as_json(["<s_menu>", "<s_nm>", "▁tea", "</s_nm>", "<sep/>", "<s_nm>", "▁pie", "</s_nm>", "</s_menu>", "</s>"])
    {'menu': [{'nm': 'tea'}, {'nm': 'pie'}]}
    """
    return _plain(parse(tokens))


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
    _print(parse(tokens), 0, lines)
    return lines


def canonical(path: str) -> str:
    """`path` without the number of a first item, so that a list of one and of several name their first item alike.

    >>> canonical("menu.0.price"), canonical("menu.price"), canonical("menu.1.price")
    ('menu.price', 'menu.price', 'menu.1.price')
    """
    return ".".join(part for part in path.split(".") if part != "0")


def _plain(node: Node) -> Any:
    out = [
        one.text if isinstance(one, Leaf) else {key: _plain(child) for key, child in one.items()}
        for one in node.items
    ]  # fmt: skip
    return out[0] if len(out) == 1 else out


def _walk(node: Node, path: str) -> Iterator[Field]:
    for number, one in enumerate(node.items):
        here = path if len(node.items) == 1 else f"{path}.{number}" if path else str(number)
        if isinstance(one, Leaf):
            yield Field(here, one.text, tuple(run.token for run in one.runs if run.token is not None), _words(one.runs))
        else:
            for key, child in one.items():
                yield from _walk(child, f"{here}.{key}" if here else key)


def _words(runs: Sequence[Run]) -> tuple[Word, ...]:
    found: list[tuple[list[str], list[int]]] = []
    inside = False
    for run in runs:
        for part in _BLANK_OR_NOT.findall(run.text):
            if part.isspace():
                inside = False
                continue
            if not inside:
                found.append(([], []))
            inside = True
            found[-1][0].append(part)
            found[-1][1].append(-1 if run.token is None else run.token)
    return tuple(Word("".join(parts), tuple(numbers)) for parts, numbers in found)


def _print(node: Node, depth: int, lines: list[list[Run]]) -> None:
    """Lay `node` out from the end of the last line on; what closes it belongs to its end tag."""
    if len(node.items) == 1:
        _print_item(node.items[0], depth, lines, node.closed)
        return
    lines[-1].append(Run("["))
    for number, one in enumerate(node.items):
        if number:
            lines[-1].append(Run(",", node.separators[number - 1]))
        lines.append([Run("  " * (depth + 1))])
        _print_item(one, depth + 1, lines, None)
    lines.append([Run("  " * depth), Run("]", node.closed)] if depth else [Run("]", node.closed)])


def _print_item(one: Leaf | dict[str, Node], depth: int, lines: list[list[Run]], closed: int | None) -> None:
    if isinstance(one, Leaf):
        lines[-1].append(Run('"'))
        lines[-1].extend(Run(_escaped(run.text), run.token) for run in one.runs)
        lines[-1].append(Run('"', closed))
        return
    lines[-1].append(Run("{"))
    for number, (key, child) in enumerate(one.items()):
        if number:
            lines[-1].append(Run(","))
        lines.append([Run("  " * (depth + 1)), Run(f'"{_escaped(key)}"', child.opened), Run(": ")])
        _print(child, depth + 1, lines)
    lines.append([Run("  " * depth), Run("}", closed)] if depth else [Run("}", closed)])


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
