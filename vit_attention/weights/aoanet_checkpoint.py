"""Published captioning checkpoints: `model.pth` without unpickling code, `infos_*.pkl` through a reader that runs nothing.

An `infos` file is a pickle, and a pickle is a program. Two fences stand before it: its instructions are looked through
before any is carried out, and the four names it may use stand for records of ours that can do nothing.
"""

import io
import pickle
from argparse import Namespace
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vit_attention.gate import GateError, read_file
from vit_attention.networks.aoanet import AoANet, Options
from vit_attention.weights.checkpoints import read
from vit_attention.weights.choice import fill_whole
from vit_attention.weights.pickle_fence import Maker, UnsafePickleError, look_through, short
from vit_attention.weights.refusal import CheckpointError

LARGEST_VOCABULARY = 1_000_000
_LONGEST_TEXT = 10_000
_MOST_VALUES = 100_000
_DEEPEST = 4
_NUMBERS = {
    f"{kind}{size}" for kind, sizes in (("f", "248"), ("i", "1248"), ("u", "1248"), ("b", "1")) for size in sizes
}


@dataclass(frozen=True)
class Infos:
    """What is read of an `infos` file.

    Attributes:
        opt: the options of the training run: plain values only.
        vocab: word of every token, keys "1" to str(number of words).
    """

    opt: Namespace
    vocab: dict[str, str]


def load_checkpoint(
    model_path: str | Path, infos_path: str | Path, key: str = ""
) -> tuple[AoANet, dict[str, str], Options]:
    """(network, vocabulary, options) of a published checkpoint; the network is in evaluation mode, on the CPU.

    Args:
        model_path: `model.pth` of the published code, in either container of torch.save.
        infos_path: `infos_*.pkl` of the same run.
        key: which network of the checkpoint.

    Raises:
        UnsafePickleError: the infos file holds more than plain values.
        CheckpointError: a file is missing or cannot be read, or the two do not fit each other; says what differs.
        ValueError: options that no network can be built from.
    """
    infos = read_infos(infos_path)
    options = Options.from_namespace(infos.opt)
    if options.vocab_size != len(infos.vocab):
        raise CheckpointError(
            f"{Path(infos_path).name}: want {options.vocab_size} words (opt.vocab_size), got {len(infos.vocab)}"
        )
    if options.dots:
        # The command line has no option for it: the weights say whether the query is normalised.
        normed = any(name.endswith("core.attention.norm.a_2") for name in read(Path(model_path)))
        options = replace(options, norm_q=int(normed))
    with torch.device("meta"):
        network = AoANet(options)
    fill_whole(network, Path(model_path), key)
    return network.eval(), infos.vocab, options


def read_infos(path: str | Path) -> Infos:
    """Options and vocabulary of an `infos_*.pkl`; nothing else of it is kept and nothing in it is run.

    Raises:
        UnsafePickleError: anything but the published layout made of plain values, or a file cut short.
    """
    path = Path(path)
    try:
        data = read_file(path, "infos file")
    except GateError as error:
        raise UnsafePickleError(f"infos: {error}") from error
    try:
        look_through(data, _STAND_INS)
        found = _Reader(io.BytesIO(data), encoding="latin-1").load()
        return _infos(found)
    except UnsafePickleError as error:
        raise UnsafePickleError(f"{path.name}: refused: {error}") from error
    except Exception as error:  # a broken pickle raises any kind
        raise UnsafePickleError(
            f"{path.name}: want an infos file of the published code, got one that cannot be read ({type(error).__name__})"
        ) from error


class _Record:
    """Stands in for argparse.Namespace: keeps what it is given aside and acts on none of it."""

    __slots__ = ("state",)

    def __setstate__(self, state: Any) -> None:
        if type(state) is not dict:
            raise UnsafePickleError(f"opt: want a record of named values, got {type(state).__name__}")
        self.state = state


class _Number:
    """Stands in for numpy.dtype: remembers the code of one plain number, such as f8."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        plain = type(state) is tuple and len(state) >= 2 and state[1] in ("<", ">", "=", "|")
        if not plain or any(part is not None for part in state[2:5]):
            raise UnsafePickleError("want the type of a plain number, got one with fields or parts")
        self.order = state[1]


def _number_type(code: Any, *flags: Any) -> _Number:
    if type(code) is not str or code not in _NUMBERS or len(flags) > 2:
        raise UnsafePickleError(f"want the type of a plain number, got {short(code)}")
    return _Number(code)


def _scalar(kind: Any, data: Any) -> Any:
    """One number from its bytes."""
    raw = data.encode("latin-1") if type(data) is str else data
    if type(kind) is not _Number or type(raw) is not bytes:
        raise UnsafePickleError("want a plain number of numpy, got something else")
    dtype = np.dtype(kind.order.replace("|", "=") + kind.code)
    if len(raw) != dtype.itemsize:
        raise UnsafePickleError(f"want {dtype.itemsize} bytes for a number, got {len(raw)}")
    return np.frombuffer(raw, dtype)[0].item()


def _encode(text: Any, encoding: Any = "utf-8") -> bytes:
    """How protocol 2 writes bytes: as text in Latin-1."""
    if type(text) is not str or encoding not in ("latin1", "latin-1") or len(text) > _LONGEST_TEXT:
        raise UnsafePickleError("want short bytes written in Latin-1, got another encoding or kind")
    return text.encode("latin-1")


_STAND_INS: dict[tuple[str, ...], Any] = {
    ("argparse", "Namespace"): _Record,
    ("numpy", "dtype"): Maker(_number_type),
    ("numpy.core.multiarray", "scalar"): Maker(_scalar),
    ("numpy._core.multiarray", "scalar"): Maker(_scalar),
    ("_codecs", "encode"): Maker(_encode),
}


class _Reader(pickle.Unpickler):
    """Knows the stand-ins and no other name."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise UnsafePickleError(f"it wants to call {short(f'{module} {name}')}, which could run code")
        return _STAND_INS[module, name]


def _infos(found: Any) -> Infos:
    if type(found) is not dict or not {"opt", "vocab"} <= set(found):
        raise UnsafePickleError("want a record with opt and vocab, got something else")
    opt, vocab = found["opt"], found["vocab"]
    if type(opt) is not _Record or not hasattr(opt, "state"):
        raise UnsafePickleError(f"opt: want an argparse.Namespace, got {type(opt).__name__}")
    budget = [_MOST_VALUES]
    for key, value in opt.state.items():
        if type(key) is not str or not key.isidentifier() or key.startswith("__") or len(key) > 100:
            raise UnsafePickleError(f"opt: want names of options, got {short(key)}")
        _check_plain(value, f"opt.{key}", _DEEPEST, budget)
    return Infos(Namespace(**opt.state), _vocabulary(vocab))


def _check_plain(value: Any, where: str, deep: int, budget: list[int]) -> None:
    """Refuse all but numbers, texts and None, and small lists and records of them; `budget` counts what is left."""
    budget[0] -= 1
    if deep < 0 or budget[0] < 0:
        raise UnsafePickleError(f"{where}: want plain values, got too many or too deep a nest of them")
    if type(value) in (list, tuple):
        for part in value:
            _check_plain(part, where, deep - 1, budget)
    elif type(value) is dict:
        for key, part in value.items():
            _check_plain(key, where, deep - 1, budget)
            _check_plain(part, where, deep - 1, budget)
    elif value is not None and type(value) not in (bool, int, float, str):
        raise UnsafePickleError(f"{where}: want a plain value, got {type(value).__name__.lstrip('_')}")
    elif type(value) is str and len(value) > _LONGEST_TEXT:
        raise UnsafePickleError(f"{where}: want at most {_LONGEST_TEXT} characters, got {len(value)}")


def _vocabulary(vocab: Any) -> dict[str, str]:
    """The words in the order of their numbers."""
    if type(vocab) is not dict or not 1 <= len(vocab) <= LARGEST_VOCABULARY:
        raise UnsafePickleError(f"vocab: want a record of 1 to {LARGEST_VOCABULARY} words, got {type(vocab).__name__}")
    keys = [str(number) for number in range(1, len(vocab) + 1)]
    missing = next((key for key in keys if key not in vocab), None)
    if missing is not None:
        raise UnsafePickleError(f'vocab: want the keys "1" to "{len(vocab)}", got none for "{missing}"')
    wrong = next((key for key in keys if type(vocab[key]) is not str or len(vocab[key]) > 200), None)
    if wrong is not None:
        raise UnsafePickleError(f'vocab: want words of at most 200 characters, got another value for "{wrong}"')
    return {key: vocab[key] for key in keys}
