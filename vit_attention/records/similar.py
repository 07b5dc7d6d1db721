"""A similarity as the target of a record: how much one token resembles another. Light: no torch, not even numpy."""

import operator
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vit_attention.gate import GateError, shown
from vit_attention.gate.refusal import one_line
from vit_attention.records.axes import Axis

Patch = tuple[int, int]

CLASS = "class"
EXAMPLE = "similar:6,8"
_UNNAMED = "another picture"
_LONGEST = 100
_PATCH = re.compile(r"(\d{1,6})\s*,\s*(\d{1,6})", re.ASCII)
_TEXT = re.compile(r"similar(?:@(?P<token>[^:]*))?:(?P<to>.+)", re.DOTALL)
_PLACE = re.compile(rf"(?P<picture>.+)@(?P<patch>{_PATCH.pattern}|{CLASS})", re.DOTALL | re.ASCII)


@dataclass(frozen=True)
class Similar:
    """The target "how much does this token resemble that one": cosine similarity of tokens after the last layer and final norm.

    What is compared with is held fixed: it is computed once, no gradient goes through it, and it stays what it was when
    patches are covered. The score is a number from -1 to 1. This is the target that the field uses for networks without
    classes: cosine similarity to the embedding of a concept, which is fixed (``SimilarityToConceptTarget`` of
    pytorch-grad-cam), here also for single patches. Families that normalise only the mean of all tokens have no final norm
    for single ones, and their tokens are compared as the last layer leaves them.

    As a text, for the command line and addresses: ``similar:6,8``, ``similar:cat.jpg``, ``similar:cat.jpg@6,8``, and with
    another token than the class token ``similar@2,3:6,8``. A file called like a patch is ``./6,8``.

    Attributes:
        to: what is compared with: (row, column) of a patch of the same picture, counted from 0; "class", its class token; or
            another picture, as `attend` takes one, of which the class token counts. In a record, a picture's name.
        patch: (row, column) of a patch of that other picture instead of its class token.
        token: (row, column) of the patch that is asked about; None asks about the class token.

    Raises:
        GateError: anything else, or a token compared with itself, whose similarity is always 1.

    >>> print(Similar(to=(6, 8)))
    similar:6,8
    >>> Similar.parse("similar@2,3:cat.jpg@6,8")
    Similar(to='cat.jpg', patch=(6, 8), token=(2, 3))
    """

    to: Any
    patch: Patch | None = None
    token: Patch | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "to", _reference(self.to))
        object.__setattr__(self, "patch", _optional("patch", self.patch))
        object.__setattr__(self, "token", _optional("token", self.token))
        if self.patch is not None and not self.elsewhere:
            raise GateError("target", "patch= beside to=PICTURE", f"to={shown(self.to)}", field="patch")
        if not self.elsewhere and self.to == (self.token or CLASS):
            raise GateError("target", "two tokens to compare", "one and the same, which is always similar to itself")

    @classmethod
    def parse(cls, text: str) -> "Similar":
        """The target of a text such as ``similar:6,8``.

        Raises:
            GateError: a text of another form.
        """
        found = _TEXT.fullmatch(text)
        if found is None:
            want = "similar:ROW,COLUMN or similar:PICTURE[@ROW,COLUMN], with similar@ROW,COLUMN: for another token"
            raise GateError("target", want, shown(text))
        place = _PLACE.fullmatch(found["to"])
        to, patch = (found["to"], CLASS) if place is None else (place["picture"], place["patch"])
        return cls(to, None if patch == CLASS else patch, found["token"])  # type: ignore[arg-type]

    @classmethod
    def named(cls, target: Any, classes: Sequence[str]) -> "Similar | None":
        """The similarity that a target of `attend` names; None for any other, such as a class whose name reads like one.

        Raises:
            GateError: a text that begins like a similarity and is none.
        """
        if isinstance(target, cls):
            return target
        meant = isinstance(target, str) and target.startswith(("similar:", "similar@")) and target not in classes
        return cls.parse(target) if meant else None

    @property
    def elsewhere(self) -> bool:
        """Whether it is another picture that is compared with."""
        return not isinstance(self.to, tuple) and not (isinstance(self.to, str) and self.to == CLASS)

    def __str__(self) -> str:
        """The text that `parse` reads; a picture that came from no file is named so."""
        told = self.told()
        to = told.to if isinstance(told.to, str) else _text(told.to)
        end = f"@{_text(self.patch)}" if self.patch else f"@{CLASS}" * bool(_PLACE.fullmatch(to))
        return f"similar{f'@{_text(self.token)}' if self.token else ''}:{to}{end}"

    def told(self) -> "Similar":
        """The same as a record keeps it: of another picture its name alone, never where it lies or what is in it."""
        return replace(self, to=_name(self.to)) if self.elsewhere else self

    @property
    def words(self) -> str:
        """What it is, in words: "the similarity of the class token to patch (6, 8)"."""
        told = self.told()
        to = f"{_token(self.patch)} of {one_line(told.to)}" if self.elsewhere else _token(self.to)
        return f"the similarity of {_token(self.token)} to {to}"

    def check(self, axis: Axis) -> None:
        """Refuse a token that a picture with this axis does not have; raises `GateError`."""
        self.row(axis)
        if not self.elsewhere:
            self.reference_row(axis)

    def row(self, axis: Axis) -> int:
        """The number on an axis of patches of the token that is asked about; raises `GateError` if there is none."""
        return row_of(axis, self.token)

    def reference_row(self, axis: Axis) -> int:
        """The same for what is compared with, in the picture that it is in."""
        return row_of(axis, self.patch if self.elsewhere or self.to == CLASS else self.to)


def missing(model: str, given: Any) -> GateError:
    """The refusal of a target that is no similarity, for a model of pictures without classes."""
    want = f"a similarity, such as {EXAMPLE} (in Python also va.Similar(to=(6, 8)))"
    return GateError("target", want, "none" if given is None else shown(given), advice=f"{model} has no classes.")


def row_of(axis: Axis, place: Patch | None) -> int:
    """The number of a patch's token, or of the class token for None.

    Raises:
        GateError: a patch outside of the grid, or no class token.

    >>> row_of(Axis.patches(2, 2, ("class",)), (1, 0)), row_of(Axis.patches(2, 2, ("class",)), None)
    (3, 0)
    """
    rows, columns = axis.grid or (0, 0)
    if place is None:
        if CLASS in axis.special:
            return axis.special.index(CLASS)
        raise GateError("target", "a patch, as there is no class token", "the class token")
    if place[0] < rows and place[1] < columns:
        return axis.prefix + place[0] * columns + place[1]
    raise GateError("target", f"a patch from 0,0 to {rows - 1},{columns - 1} (row,column)", _text(place))


def _reference(given: Any) -> Any:
    """A patch as a pair of plain numbers; "class" and pictures as they are."""
    if given is None or isinstance(given, (bool, int, float, dict, set)) or (isinstance(given, str) and not given):
        raise GateError("target", "a patch (row, column), a picture, or class", shown(given), field="to")
    pair = isinstance(given, (list, tuple)) or getattr(given, "shape", None) == (2,)
    if pair or (isinstance(given, str) and _PATCH.fullmatch(given.strip())):
        return _pair("to", given)
    return given


def _optional(name: str, given: Any) -> Patch | None:
    return None if given is None else _pair(name, given)


def _pair(name: str, given: Any) -> Patch:
    """(row, column) of two whole numbers, or of a text such as "6,8"."""
    parts = _PATCH.fullmatch(given.strip()) if isinstance(given, str) else None
    try:
        first, second = (int(parts[1]), int(parts[2])) if parts else (_whole(one) for one in given)
    except (TypeError, ValueError) as error:
        raise GateError("target", "row and column, two whole numbers from 0 up", shown(given), field=name) from error
    return first, second


def _whole(given: Any) -> int:
    number = -1 if isinstance(given, (bool, str)) else operator.index(given)
    if number < 0:
        raise ValueError("a whole number from 0 up")
    return number


def _name(picture: Any) -> str:
    """The name of a picture, whose folder is nobody's business; one that reads like something else says that it is a file."""
    if not isinstance(picture, (str, os.PathLike)):
        return _UNNAMED
    name = one_line(Path(os.fsdecode(picture)).name)[:_LONGEST] or _UNNAMED
    return f"./{name}" if name == CLASS or _PATCH.fullmatch(name.strip()) else name


def _text(place: Patch) -> str:
    return f"{place[0]},{place[1]}"


def _token(place: Any) -> str:
    return "the class token" if place is None or place == CLASS else f"patch {place}"
