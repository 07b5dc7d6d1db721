"""Seeded receipts and simple forms: a printed page, the box of every word and character, and what is to be read off."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from worlds.lexicon import CITIES, CLOSINGS, FIRST_NAMES, GOODS, KINDS, LAST_NAMES, SHOP_KINDS, SHOPS
from worlds.typeset import FACES, Run, Word, draw, paper, turned, width

WIDTH, HEIGHT = 384, 512
"""A page in pixels."""

MOST_LINES = 5
_MARGIN = 18


@dataclass(frozen=True)
class Piece:
    """A stretch of the target text: a tag, or what a field holds with the words that say so.

    Attributes:
        text: the characters of the target.
        words: for a value, the index into `Document.words` of each of its blank-separated words; a value shorter than
            its printed word (2 of "2x") is the beginning of it.
        field: path of the field, as in "menu.0.price"; empty for a tag.
    """

    text: str
    words: tuple[int, ...] = ()
    field: str = ""


@dataclass(frozen=True, eq=False)
class Document:
    """A page and its truth.

    Attributes:
        pixels: (512, 384, 3) uint8 RGB.
        words: everything printed, in reading order.
        pieces: the target text cut into tags and values; joined, they are `sequence`.
        truth: the target as nested data.
        task: the prompt that asks for it, `<s_receipt>` or `<s_form>`.
        seed: the seed that makes this page again.
    """

    pixels: NDArray[np.uint8]
    words: tuple[Word, ...]
    pieces: tuple[Piece, ...]
    truth: dict[str, Any]
    task: str
    seed: int

    @property
    def picture(self) -> Image.Image:
        """The page as an RGB picture."""
        return Image.fromarray(self.pixels)

    @property
    def sequence(self) -> str:
        """The target text in Donut's style (Kim et al. 2022, section 3.2), without prompt and end token."""
        return "".join(piece.text for piece in self.pieces)

    def box_of(self, piece: Piece, word: int, first: int, last: int) -> tuple[float, float, float, float]:
        """Box of characters `first` to `last` (exclusive) of the `word`-th word of a value."""
        boxes = np.array(self.words[piece.words[word]].characters[first:last])
        (left, top), (right, bottom) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        return float(left), float(top), float(right), float(bottom)


class _Sheet:
    """A page being printed: keeps what the lines share and collects the words."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.ink = Image.new("L", (WIDTH, HEIGHT))
        self.canvas = ImageDraw.Draw(self.ink)
        self.words: list[Word] = []
        self.face = str(rng.choice(FACES))
        self.size = int(rng.integers(27, 33))

    def put(self, texts: Sequence[str], top: float, left: float | None = None, right: float | None = None) -> list[int]:
        """Print words from `left`, or ending at `right`, or centred; returns their indices."""
        run = tuple(texts)
        length = width(run, self.face, self.size)
        x = left if left is not None else (right - length if right is not None else (WIDTH - length) / 2)
        first = len(self.words)
        self.words += draw(self.canvas, Run(run, x, top, self.face, self.size), 255)
        return list(range(first, len(self.words)))

    def shrink_to(self, texts: Sequence[str], room: float) -> None:
        """Lower the type size until `texts` fit into `room` pixels."""
        while width(tuple(texts), self.face, self.size) > room:
            self.size -= 1

    def rule(self, top: float) -> None:
        for x in range(_MARGIN, WIDTH - _MARGIN, 8):
            self.canvas.line((x, top, x + 4, top), fill=150, width=2)


def _cents(value: int) -> str:
    return f"{value // 100}.{value % 100:02d}"


def _blend(rng: np.random.Generator, words: Sequence[str]) -> str:
    """A word that does not exist: the first half of one and the second half of another."""
    first, second = (str(w) for w in rng.choice(words, 2, replace=False))
    return first[: (len(first) + 1) // 2] + second[len(second) // 2 :]


def _word(rng: np.random.Generator, words: Sequence[str], invented: bool) -> str:
    return _blend(rng, words) if invented else str(rng.choice(words))


def _name(rng: np.random.Generator, invented: bool) -> tuple[str, ...]:
    """One or two words of 12 characters at most."""
    noun = _word(rng, GOODS, invented)
    kind = _word(rng, KINDS, invented)
    return (kind, noun) if rng.random() < 0.5 and len(kind) + len(noun) < 12 else (noun,)


def _price(rng: np.random.Generator) -> int:
    """Cents, 0.05 to 29.99; most prices are round, as in shops, but not so many that the last digit can be guessed."""
    cents = int(rng.integers(5, 3000) if rng.random() < 0.6 else rng.integers(5, 1000))
    return cents // 10 * 10 if cents > 10 and rng.random() < 0.2 else cents


def receipt(seed: int, lines: int | None = None, invented: bool = False) -> Document:
    """The receipt of this seed, the same on every machine.

    Args:
        seed: any non-negative integer.
        lines: 1 to 5 articles; None draws.
        invented: whether articles and shop have names blended from two words: a reader cannot guess their endings.

    Raises:
        ValueError: another number of lines.

    >>> page = receipt(3, lines=1)
    >>> page.sequence
    '<s_store>market deli</s_store><s_menu><s_nm>fresh rice</s_nm><s_cnt>3</s_cnt><s_price>16.59</s_price></s_menu><s_total>16.59</s_total>'
    """
    if lines is not None and not 1 <= lines <= MOST_LINES:
        raise ValueError(f"lines: want 1 to {MOST_LINES}, got {lines}")
    rng = np.random.default_rng((seed, 1))
    count = lines or int(rng.integers(1, MOST_LINES + 1))
    sheet, shop = _Sheet(rng), (_word(rng, SHOPS, invented), _word(rng, SHOP_KINDS, invented))
    goods = [
        (_name(rng, invented), int(min(9, 1 + rng.geometric(0.35))) - int(rng.random() < 0.3), _price(rng))
        for _ in range(count)
    ]
    total = sum(price for _, _, price in goods)
    pitch = float(rng.uniform(56, min(72, (HEIGHT - 70) / (count + 2))))
    top = float(rng.uniform(8, max(9, HEIGHT - 44 - pitch * (count + 1.2))))
    for name, _, price in goods:
        sheet.shrink_to(("2x", *name, _cents(price)), WIDTH - 2 * _MARGIN - 14)
    letter = "x" if rng.random() < 0.5 else ""
    jut = float(rng.uniform(0, 10))
    heading = sheet.put(shop, top)
    items, rows = [], []
    for number, (name, amount, price) in enumerate(goods):
        y = top + pitch * (number + 1)
        (first, *named) = sheet.put((f"{amount}{letter}", *name), y, left=_MARGIN + jut)
        rows.append((amount, first, name, named, price, sheet.put((_cents(price),), y, right=WIDTH - _MARGIN)))
        items.append({"nm": " ".join(name), "cnt": str(amount), "price": _cents(price)})
    y = top + pitch * (count + 1) + 6
    sheet.rule(y - 4)
    sheet.put(str(rng.choice(("total", "sum", "to pay"))).split(), y, left=_MARGIN + jut)
    summed = sheet.put((_cents(total),), y, right=WIDTH - _MARGIN)
    if y + 2 * pitch < HEIGHT and rng.random() < 0.5:
        sheet.put(str(rng.choice(CLOSINGS)).split(), y + pitch)
    pieces = [
        Piece("<s_store>"),
        Piece(" ".join(shop), tuple(heading), "store"),
        Piece("</s_store>"),
        Piece("<s_menu>"),
    ]
    for number, row in enumerate(rows):
        pieces += [Piece("<sep/>")] * (number > 0) + _item(number, *row)
    pieces += [
        Piece("</s_menu>"),
        Piece("<s_total>"),
        Piece(_cents(total), tuple(summed), "total"),
        Piece("</s_total>"),
    ]
    truth = {"store": " ".join(shop), "menu": items if count > 1 else items[0], "total": _cents(total)}
    return _finish(rng, sheet, pieces, truth, "<s_receipt>", seed)


def _item(
    number: int, amount: int, first: int, name: tuple[str, ...], named: list[int], price: int, priced: list[int]
) -> list[Piece]:
    path = f"menu.{number}."
    return [
        Piece("<s_nm>"),
        Piece(" ".join(name), tuple(named), path + "nm"),
        Piece("</s_nm>"),
        Piece("<s_cnt>"),
        Piece(str(amount), (first,), path + "cnt"),
        Piece("</s_cnt>"),
        Piece("<s_price>"),
        Piece(_cents(price), tuple(priced), path + "price"),
        Piece("</s_price>"),
    ]


def form(seed: int) -> Document:
    """The form of this seed: name, city, date and amount beside their printed labels, in any order.

    >>> form(1).truth.keys() == {"name", "city", "date", "amount"}
    True
    """
    rng = np.random.default_rng((seed, 2))
    sheet = _Sheet(rng)
    values = {
        "name": (str(rng.choice(FIRST_NAMES)), str(rng.choice(LAST_NAMES))),
        "city": (str(rng.choice(CITIES)),),
        "date": (f"{rng.integers(1, 29):02d}.{rng.integers(1, 13):02d}.{rng.integers(2000, 2040)}",),
        "amount": (_cents(_price(rng)),),
    }
    order = [str(key) for key in rng.permutation(list(values))]
    for key in order:
        sheet.shrink_to((key, *values[key]), WIDTH - 2 * _MARGIN - 24)
    pitch, gap = float(rng.uniform(64, 92)), float(rng.uniform(8, 40))
    top = float(rng.uniform(10, HEIGHT - 60 - 4 * pitch))
    label = max(width((key,), sheet.face, sheet.size) for key in order)
    room = WIDTH - 2 * _MARGIN - label - max(width(values[k], sheet.face, sheet.size) for k in order)
    x = _MARGIN + label + min(max(gap, 8), max(room, 6))
    pieces = []
    for number, key in enumerate(order):
        y = top + pitch * number
        sheet.put((key,), y, left=_MARGIN)
        where = sheet.put(values[key], y, left=x)
        sheet.rule(y + 1.35 * sheet.size)
        pieces += [Piece(f"<s_{key}>"), Piece(" ".join(values[key]), tuple(where), key), Piece(f"</s_{key}>")]
    truth = {key: " ".join(values[key]) for key in order}
    return _finish(rng, sheet, pieces, truth, "<s_form>", seed)


def _finish(
    rng: np.random.Generator,
    sheet: _Sheet,
    pieces: list[Piece],
    truth: Mapping[str, Any],
    task: str,
    seed: int,
) -> Document:
    """Lay the ink on paper, a little skewed and uneven."""
    degrees = float(rng.uniform(-1, 1)) if rng.random() < 0.6 else 0.0
    ink = sheet.ink.rotate(degrees, Image.Resampling.BILINEAR) if degrees else sheet.ink
    strength = np.asarray(ink, np.float32)[..., None] / 255 * rng.uniform(0.8, 1)
    sheet_of = paper(rng, (WIDTH, HEIGHT))
    colour = (rng.uniform(10, 85) + rng.uniform(-8, 8, 3)).astype(np.float32)
    pixels = np.clip(sheet_of + strength * (colour - sheet_of), 0, 255).astype(np.uint8)
    size = (WIDTH, HEIGHT)
    words = tuple(
        Word(w.text, turned(w.box, degrees, size), tuple(turned(c, degrees, size) for c in w.characters))
        for w in sheet.words
    )
    return Document(pixels, words, tuple(pieces), dict(truth), task, int(seed))


def receipts(count: int, seed: int = 0, lines: int | None = None) -> Iterator[Document]:
    """`count` receipts of seeds `seed`, `seed + 1`, ..., one at a time."""
    for offset in range(count):
        yield receipt(seed + offset, lines)
