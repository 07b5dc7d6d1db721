"""Files of torch.save: looked through and measured before anything of them is made, then read as tensors alone."""

import math
import pickle
import threading
import zipfile
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch

from vit_attention.weights.kinds import OLD_START, foreign_archive
from vit_attention.weights.pickle_fence import ForeignNameError, Maker, UnsafePickleError, look_through, short
from vit_attention.weights.refusal import CheckpointError

_MOST_TUPLES = 1_000_000
"""A training checkpoint has five a tensor: those of a thousand layers, twice for the optimizer, take 100,000."""
_TO_SPARE = 16 << 20
"""Bytes by which tensors may outgrow their file: small ones often share memory."""
_LARGEST_PICKLE = 256 << 20

_ITEM = {
    "DoubleStorage": 8,
    "FloatStorage": 4,
    "HalfStorage": 2,
    "BFloat16Storage": 2,
    "LongStorage": 8,
    "IntStorage": 4,
    "ShortStorage": 2,
    "CharStorage": 1,
    "ByteStorage": 1,
    "BoolStorage": 1,
    "UntypedStorage": 1,
    "ComplexFloatStorage": 8,
    "ComplexDoubleStorage": 16,
}
_ODD = {
    "_rebuild_qtensor": "quantized",
    "_rebuild_sparse_tensor": "sparse",
    "_rebuild_sparse_csr_tensor": "sparse",
    "_rebuild_meta_tensor_no_storage": "without values (on the meta device)",
    "_rebuild_nested_tensor": "nested",
    "_rebuild_device_tensor_from_numpy": "of another device",
    "_rebuild_device_tensor_from_cpu_tensor": "of another device",
    "_rebuild_wrapper_subclass": "of a class of its own",
    "_rebuild_from_type_v2": "of a class of its own",
}
"""Ways of torch to write tensors that hold no plain numbers."""

_one_at_a_time = threading.Lock()


def read_torch(path: Path, old: bool) -> Any:
    """What torch.save wrote: containers, plain values and tensors, memory-mapped where the format allows it.

    Args:
        path: the file.
        old: the format before torch 1.6, which is no archive.

    Raises:
        CheckpointError: code, tensors that take more than their file holds, another kind of archive, a broken file.
    """
    try:
        (_measure_old if old else _measure)(path)
        # Namespaces come with the options of a training run; as torch reads them they do nothing. The list of what is
        # let in belongs to the whole process.
        with _one_at_a_time, torch.serialization.safe_globals([Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=not old)
    except ForeignNameError as error:
        raise CheckpointError(f"{path.name}: refused: {_foreign(error.name)}") from error
    except UnsafePickleError as error:
        raise CheckpointError(f"{path.name}: refused: {error}") from error
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path.name}: refused: {_foreign(type(error).__name__)}") from error
    except Exception as error:  # torch, zipfile and pickle raise many kinds for broken files
        raise CheckpointError(
            f"{path.name}: want a torch.save file, got one that cannot be read ({type(error).__name__})"
        ) from error


def _foreign(name: str) -> str:
    odd = _ODD.get(name.rpartition(" ")[2])
    if odd:
        return f"it holds a tensor that is {odd}; want plain ones: save model.state_dict() of the float model"
    return (
        f"it holds more than tensors ({name.replace(' ', '.')[:80]!r}), and loading it could run code. Save "
        "model.state_dict() alone, with torch.save(model.state_dict(), FILE), where the model was trained"
    )


def _measure(path: Path) -> None:
    """Refuse an archive that names code, or whose tensors are larger than it is."""
    with zipfile.ZipFile(path) as archive:
        stranger = foreign_archive(archive)
        if stranger:
            raise CheckpointError(f"{path.name}: cannot be read: want a file of torch.save, got {stranger}")
        entries = {one.filename: one for one in archive.infolist()}
        packed = [one.filename for one in entries.values() if one.compress_type != zipfile.ZIP_STORED]
        if packed or len(entries) < len(archive.infolist()):
            raise UnsafePickleError("want entries as torch.save writes them, got compressed or doubled ones")
        main = next(name for name in entries if name.endswith("/data.pkl"))
        if entries[main].file_size > min(_LARGEST_PICKLE, path.stat().st_size):
            raise UnsafePickleError(f"want a list of tensors of at most {_LARGEST_PICKLE} bytes, got more")
        folder = main.removesuffix("data.pkl") + "data/"
        stored = {name.removeprefix(folder): one.file_size for name, one in entries.items() if name.startswith(folder)}
        with archive.open(main) as stream:
            _look(stream)
        with archive.open(main) as stream:
            _Measure(stream, path.stat().st_size, stored).load()


def _measure_old(path: Path) -> None:
    """The same for the older format: the pickles of a number, a version, the machine, the object; then the numbers."""
    with path.open("rb") as stream:
        stream.seek(len(OLD_START))
        for _ in range(2):
            look_through(stream, ())
        start = stream.tell()
        _look(stream)
        stream.seek(start)
        _Measure(stream, path.stat().st_size, None).load()


def _look(stream: IO[bytes]) -> None:
    storages = {("torch", name) for name in _ITEM} | {("torch.storage", "UntypedStorage")}
    look_through(stream, storages | set(_PARTS), {"BINPERSID"}, _MOST_TUPLES)


class _Inert(dict[Any, Any]):
    """Stands in for a record, and for a tensor; takes what it is given and does nothing."""

    def __init__(self, *_: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        del state


class _Tensor:
    """Stands in for a tensor, which nobody may change once it was measured."""

    def __setstate__(self, state: Any) -> None:
        raise UnsafePickleError("it tries to change a tensor")


@dataclass(frozen=True)
class _Storage:
    """Stands in for numbers in the file: the kind by its name alone, then how many there are."""

    kind: str
    count: int = 0

    def __setstate__(self, state: Any) -> None:
        raise UnsafePickleError("it tries to change numbers")


class _Measure(pickle.Unpickler):
    """Makes stand-ins of everything, and adds up what the tensors would take.

    Args:
        stream: where a pickle begins.
        largest: bytes of the whole file.
        stored: bytes of every storage by its key; None where they follow the pickle.
    """

    def __init__(self, stream: IO[bytes], largest: int, stored: dict[str, int] | None) -> None:
        super().__init__(stream)
        self.largest, self.stored = largest, stored
        self.storages: dict[str, _Storage] = {}
        self.views: dict[tuple[Any, ...], int] = {}

    def find_class(self, module: str, name: str) -> Any:
        if name in _ITEM:
            return _Storage(name)
        return Maker(self._tensor) if name in ("_rebuild_tensor_v2", "_rebuild_tensor") else _PARTS[module, name]

    def persistent_load(self, given: Any) -> _Storage:
        _, kind, key, _, count, *_ = given
        storage = self.storages.setdefault(str(key), _Storage(kind.kind, _whole(count)))
        size = _bytes(storage)
        there = self.largest - sum(map(_bytes, self.storages.values())) + size
        if storage != _Storage(kind.kind, count) or size > (there if self.stored is None else self.stored.get(key, 0)):
            raise UnsafePickleError(f"tensor data {short(key)}: want {size} bytes in the file, got another number")
        return storage

    def _tensor(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> _Tensor:
        if type(storage) is not _Storage:
            raise UnsafePickleError("want tensors made of numbers in the file")
        sides = [(_whole(many), _whole(step)) for many, step in zip(size, stride, strict=True)]
        count, last = math.prod(many for many, _ in sides), sum((many - 1) * step for many, step in sides)
        if count and _whole(offset) + last >= storage.count:
            raise UnsafePickleError(f"want tensors within their {storage.count} numbers, got one of {size[:8]}")
        # By what names share: every view is made once, whatever the number of its names.
        self.views[id(storage), offset, size, stride] = count * _ITEM[storage.kind]
        return _Tensor()

    def load(self) -> Any:
        made = super().load()
        total = sum(self.views.values())
        if total > 4 * self.largest + _TO_SPARE:
            raise UnsafePickleError(
                f"its tensors would take {total} bytes and the file has {self.largest}: they were expanded or share memory. "
                "Save them with .clone() or .contiguous()"
            )
        return made


def _bytes(storage: _Storage) -> int:
    return storage.count * _ITEM[storage.kind]


def _whole(number: Any) -> int:
    if type(number) is not int or not 0 <= number < 1 << 62:
        raise UnsafePickleError("want sizes that are whole numbers from 0")
    return number


_PARTS: dict[tuple[str, ...], Any] = {
    ("collections", "OrderedDict"): _Inert,
    ("argparse", "Namespace"): _Inert,
    ("torch._utils", "_rebuild_tensor_v2"): None,  # these two are known to the reader
    ("torch._utils", "_rebuild_tensor"): None,
    ("torch._utils", "_rebuild_parameter"): Maker(lambda tensor, *_: tensor),
    ("torch", "Size"): tuple,
    ("torch", "device"): Maker(lambda *_: None),
}
"""What a file of tensors may name."""
