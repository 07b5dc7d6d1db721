"""Folders of the transformers library: every file of theirs is looked at before that library, or anything else, reads it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from vit_attention.gate.files import read_file, regular
from vit_attention.gate.limits import LIMITS
from vit_attention.gate.refusal import GateError
from vit_attention.gate.schema import Schema

_S = TypeVar("_S", bound=Schema)

_READ = (
    "*config.json",
    "tokenizer.json",
    "vocab.*",
    "merges.txt",
    "special_tokens_map.json",
    "*.index.json",
    "*.safetensors",
    "*.bin",
)
"""Files of a folder that are read, here or by the library."""


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Refusals from within name the folder beside the file."""
    try:
        yield
    except GateError as error:
        name = folder.resolve().name or str(folder)
        where = error.file if error.file.startswith(f"{name}/") else f"{name}/{error.file}"
        raise GateError(where, error.want, error.got, field=error.field, advice=error.advice) from error


def check_files(folder: Path) -> None:
    """Refuse a folder in which something else lies in place of a file that will be read.

    Raises:
        GateError: a pipe, a device, a folder or links in a circle.
    """
    for path in sorted(folder.iterdir()):
        if any(path.match(pattern) for pattern in _READ):
            regular(path)


def read_settings(path: Path, schema: type[_S], limit: str = "settings file", field: str = "") -> _S:
    """A JSON file of a folder by its schema.

    Args:
        path: of the file.
        schema: what it may say.
        limit: key of `LIMITS` that its size must keep.
        field: which field of the schema the whole file is; "" for a file that has fields.

    Raises:
        GateError: no plain file, too large, no JSON, or a field that the schema refuses.
    """
    data = read_file(path, limit)
    # However few letters of the file it took, a parsed value takes some 100 bytes, and three times that with a name.
    values = sum(data.count(sign) for sign in (b",", b"[", b"{")) + 3 * data.count(b":")
    LIMITS[f"{limit} values"].check(values, path.name)
    return schema.read(b'{"%s": %s}' % (field.encode(), data) if field else data, path.name)
