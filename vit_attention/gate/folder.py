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

_READ = ("*config.json", "tokenizer.json", "special_tokens_map.json", "*.index.json", "*.safetensors", "*.bin")
"""Files of a folder that are read, here or by the library."""

_INDEX = ".safetensors.index.json"


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


def read_settings(path: Path, schema: type[_S], limit: str = "settings file") -> _S:
    """A JSON file of a folder by its schema.

    Raises:
        GateError: no plain file, too large, no JSON, or a field that the schema refuses.
    """
    data = read_file(path, limit)
    # However few letters of the file it took, a parsed value takes some 100 bytes, and three times that with a name.
    values = sum(data.count(sign) for sign in (b",", b"[", b"{")) + 3 * data.count(b":")
    LIMITS[f"{limit} values"].check(values, path.name)
    return schema.read(data, path.name)


def weights_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files that hold a folder's weights, as the library chooses them; empty if there are none.

    Raises:
        GateError: an index that is no JSON, or names a file outside the folder.
    """
    whole = folder / "model.safetensors"
    index = next(iter(sorted(folder.glob(f"*{_INDEX}"))), None)
    if whole.exists() or index is None:
        return (whole,) if whole.exists() else tuple(sorted(folder.glob("*.safetensors")))
    names = sorted(set(read_settings(index, Index).weight_map.values()))
    for name in names:
        if Path(name).name != name:
            raise GateError(index.name, "names of files beside it", repr(name), field="weight_map")
    return tuple(folder / name for name in names)


class Index(Schema):
    """Which file of a folder holds which tensor."""

    weight_map: dict[str, str]


def shapes(files: tuple[Path, ...]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in safetensors files; their values are left alone.

    Raises:
        GateError: a file that is damaged, or whose header is larger than its bound.
    """
    return {name: shape for path in files for name, shape in _header(path).items()}


def _header(path: Path) -> dict[str, tuple[int, ...]]:
    from safetensors import safe_open

    with regular(path).open("rb") as stream:
        LIMITS["weights header"].check(int.from_bytes(stream.read(8), "little"), path.name, "header")
    try:
        with safe_open(path, "numpy") as opened:
            return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    except Exception as error:  # safetensors has a kind of its own, which says what is wrong with the header
        raise GateError(path.name, "a whole safetensors file", f"one that cannot be read ({error})") from error
