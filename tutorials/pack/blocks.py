"""What a sheet of the pack is made of; `page` and `paper` draw the same blocks, as HTML and as PDF."""

import re
from typing import NamedTuple


class Heading(NamedTuple):
    """A heading; level 1 begins a new page."""

    text: str
    level: int = 2


class Text(NamedTuple):
    """A paragraph."""

    text: str


class Choices(NamedTuple):
    """Options with a box to tick before each."""

    options: tuple[str, ...]


class Room(NamedTuple):
    """Lines to write on."""

    lines: int
    label: str = ""


class Table(NamedTuple):
    """Rows of texts under their heads; `widths` are shares of the page."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]


class Picture(NamedTuple):
    """A picture as PNG or JPEG, its description, and its width in millimetres."""

    data: bytes
    alt: str
    width: int


Block = Heading | Text | Choices | Room | Table | Picture

_SIGNS = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "sigma": "σ",
    "lambda": "λ",
    "tau": "τ",
    "sum": "Σ",
    "top": "ᵀ",
    "times": "×",
    "cdot": "·",
    "le": "≤",
    "ge": "≥",
    "pm": "±",
    "approx": "≈",
    "quad": " ",
}
_LOW, _HIGH = str.maketrans("0123456789ijkln", "₀₁₂₃₄₅₆₇₈₉ᵢⱼₖₗₙ"), str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def readable(text: str) -> str:
    """Markdown as plain text: emphasis as quotation marks, links without their addresses, formulas in signs that every printer has.

    >>> readable("**Row** $A_{12}$ of [heads](x): $\\\\frac{1}{2}\\\\log_2 N$, *twice*")
    'Row A₁₂ of heads: (1)/(2)log₂ N, “twice”'
    """
    text = re.sub(r"\$\$?(.+?)\$\$?", lambda one: _formula(one[1]), text, flags=re.S)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\*\*(\S(?:.*?\S)?)\*\*", r"\1", text, flags=re.S)
    text = re.sub(r"\*(\S(?:.*?\S)?)\*", r"“\1”", text, flags=re.S)
    return " ".join(text.replace("`", "").split())


def _formula(text: str) -> str:
    text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"(\1)/(\2)", text)
    text = re.sub(r"\\sqrt\{([^{}]*)\}", r"√(\1)", text)
    text = re.sub(r"\\(?:bar|tilde|mathrm|text|operatorname)\s*\{?([^{}\\ ]*)\}?", r"\1", text)
    text = re.sub(r"\\([a-zA-Z]+)", lambda one: _SIGNS.get(one[1], one[1]), text)
    text = re.sub(r"_\{([^{}]*)\}|_(\w)", lambda one: (one[1] or one[2]).translate(_LOW), text)
    return re.sub(r"\^\{([^{}]*)\}|\^(\w)", lambda one: (one[1] or one[2]).translate(_HIGH), text)
