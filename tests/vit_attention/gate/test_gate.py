"""The gate's own manners: what is refused, and in which words."""

import os
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from vit_attention.gate import LIMITS, GateError, Schema, read_file, regular, shown
from vit_attention.gate.refusal import one_line


class Box(Schema):
    """Two sides."""

    sides: tuple[int, int]
    share: float | None = None


def test_sound_json_is_read_and_unknown_fields_are_passed_over() -> None:
    found = Box.read(b'{"sides": [3, 4], "share": 1, "later": [1]}', "box.json")
    assert (found.sides, found.share) == ((3, 4), 1.0)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"sides": [3, true]}', "sides.1"),
        ('{"sides": [3, 4.5]}', "sides.1"),
        ('{"sides": [3, Infinity]}', "sides.1"),
        ('{"sides": [3, "4"]}', "sides.1"),
        ('{"sides": [3]}', "sides.1"),
        ('{"sides": [3, 4], "share": NaN}', "share"),
        ('{"sides": [3, 4], "share": 1e400}', "share"),
        ("{}", "sides"),
        ('{"sides": "\\ud800"}', ""),
        ("[" * 100_000, ""),
        ("", ""),
    ],
)
def test_what_is_wrong_is_named_with_its_field(text: str, field: str) -> None:
    with pytest.raises(GateError, match=r"^box\.json: ") as caught:
        Box.read(text.encode(), "box.json", advice="Make it anew.")
    assert caught.value.field == field
    assert len(str(caught.value)) < 200
    assert str(caught.value).endswith(". Make it anew.")


def test_lengths_are_told_in_plain_words() -> None:
    class Word(Schema):
        letters: Annotated[str, Field(max_length=3)]
        rows: Annotated[tuple[int, ...], Field(min_length=1)] = (1,)

    with pytest.raises(GateError, match=r"^word.json: letters: want at most 3 characters, got 'four'$"):
        Word.read(b'{"letters": "four"}', "word.json")
    with pytest.raises(GateError, match=r"^word.json: rows: want at least 1 item, got \[\]$"):
        Word.read(b'{"letters": "one", "rows": []}', "word.json")


def test_only_plain_files_of_bounded_size_are_read(tmp_path: Path) -> None:
    sound = tmp_path / "a.json"
    sound.write_bytes(b"{}")
    assert read_file(sound, "settings file") == b"{}"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    with (tmp_path / "large").open("wb") as out:
        out.truncate(LIMITS["settings file"].most + 1)  # a hole in the file: no bytes on the disk
    for name, words in (
        ("pipe", "a pipe"),
        ("round", "may be read"),
        ("large", "4,194,305"),
        ("none", "existing"),
        (".", "a folder"),
    ):
        with pytest.raises(GateError, match=words):
            regular(tmp_path / name, "settings file")
    for name in ("a\0b", "n" * 300):
        with pytest.raises(GateError):
            regular(tmp_path / name)


def test_every_limit_has_its_reason() -> None:
    assert all(limit.most > 0 and limit.unit and len(limit.reason.split()) > 4 for limit in LIMITS.values())


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, 10**5000, [1] * 10**6, {"a": "\x1b[2J"}, {n: n for n in range(10**5)}],
    ids=("text", "number", "list", "escape", "dict"),
)
def test_messages_stay_short_and_printable(value: object) -> None:
    assert len(shown(value)) < 70
    assert shown(value).isprintable()


def test_text_in_messages_keeps_its_blanks_and_loses_its_breaks() -> None:
    assert one_line("a  b\n   c\x1b[2J\t\n") == "a  b c?[2J"
    assert shown(" Star\n") == r"' Star\n'"
