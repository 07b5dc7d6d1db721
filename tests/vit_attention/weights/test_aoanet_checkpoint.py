"""Published checkpoints load; hostile ones are refused and run nothing."""

from __future__ import annotations

import argparse
import builtins
import copyreg
import importlib
import os
import pickle
import re
import shutil
import struct
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.vit_attention.networks.test_aoanet import GOLDEN, SMALL
from vit_attention.gate import LIMITS, Limit
from vit_attention.models.captioning import captions
from vit_attention.networks.aoanet import AoANet, Options
from vit_attention.weights import pickle_fence
from vit_attention.weights.aoanet_checkpoint import UnsafePickleError, load_checkpoint, read_infos
from vit_attention.weights.checkpoints import CheckpointError

INFOS = GOLDEN / "infos_aoatiny-best.pkl"


@pytest.mark.parametrize("infos", ["infos_aoatiny-best.pkl", "infos_aoatiny-best_oldnumpy.pkl"])
@pytest.mark.parametrize("container", ["today's", "before torch 1.6"])
def test_loads_the_published_files_unchanged(infos: str, container: str, tmp_path: Path) -> None:
    weights = GOLDEN / "model-best.pth"
    if container == "before torch 1.6":
        state = torch.load(weights, weights_only=True)
        weights = tmp_path / "model.pth"
        torch.save(state, weights, _use_new_zipfile_serialization=False)
    network, vocab, options = load_checkpoint(weights, GOLDEN / infos)
    assert (len(vocab), vocab["1"], vocab["31"], options.use_ff, network.training) == (31, "a", "UNK", 0, False)
    with np.load(GOLDEN / "aoanet.npz") as run:
        first, second = captions(network, run["att_feats"])
        np.testing.assert_array_equal(second.tokens, run["seq"][1, :8])
        np.testing.assert_allclose(first.attention, run["decoder_attn"][:, 0], atol=2e-5, rtol=0)
    assert second.words(vocab) == ("with", "in", "with", "in", "with", "cat", "with")


def test_keeps_the_options_and_words_alone() -> None:
    infos = read_infos(INFOS)
    assert type(infos.opt) is Namespace
    assert (infos.opt.rnn_size, infos.opt.dropout_aoa, infos.opt.start_from) == (64, 0.3, None)
    assert list(infos.vocab)[-1] == "31"
    assert vars(infos).keys() == {"opt", "vocab"}


def written(folder: Path, found: Any, protocol: int = 2) -> Path:
    path = folder / "infos_test.pkl"
    path.write_bytes(found if isinstance(found, bytes) else pickle.dumps(found, protocol))
    return path


def plain(**more: Any) -> dict[str, Any]:
    opt = {**SMALL, "caption_model": "aoa", "max_length": 20, **more}
    return {"opt": Namespace(**opt), "vocab": {str(n): f"word{n}" for n in range(1, SMALL["vocab_size"] + 1)}}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_reads_plain_values_of_every_protocol(protocol: int, tmp_path: Path) -> None:
    found = {
        **plain(steps=[1, 2], weights={"a": 0.5}),
        "best": np.float64(0.25),
        "count": np.int64(-3),
        "flag": np.bool_(True),
    }
    infos = read_infos(written(tmp_path, found, protocol))
    assert (infos.opt.steps, infos.opt.weights) == ([1, 2], {"a": 0.5})


class Calls:
    """Pickles as a call of any function with any arguments."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> Any:
        return self.call

    def __call__(self) -> None:
        """Pickle calls only what can be called."""


def touch(path: Path) -> Calls:
    """A payload whose running leaves a file behind."""
    return Calls(os.system, f"touch {path}")


def with_dict(payload: Calls) -> dict[str, Any]:
    """An opt whose state has an entry called __dict__."""
    found = plain()
    vars(found["opt"])["__dict__"] = payload
    return found


HOSTILE: dict[str, Callable[[Path], Any]] = {
    "os.system": touch,
    "os.system in opt": lambda mark: plain(note=touch(mark)),
    "os.system deep in opt": lambda mark: plain(note=[{"a": (1, touch(mark))}]),
    "os.system in vocab": lambda mark: {**plain(), "vocab": {"1": touch(mark)}},
    "os.system in what is not read": lambda mark: {**plain(), "iterators": touch(mark)},
    "eval": lambda mark: plain(note=Calls(builtins.eval, f"open({str(mark)!r}, 'w')")),
    "exec": lambda mark: plain(note=Calls(builtins.exec, f"open({str(mark)!r}, 'w')")),
    "getattr chain": lambda mark: plain(
        note=Calls(Calls(getattr, Calls(importlib.import_module, "os"), "system"), f"touch {mark}")
    ),
    "getattr of a namespace": lambda mark: plain(note=Calls(getattr, Namespace(), "__class__")),
    "open": lambda mark: plain(note=Calls(open, str(mark), "w")),
    "parser": lambda mark: plain(note=Calls(argparse.ArgumentParser)),
    "os.system through copyreg": lambda mark: plain(
        note=Calls(copyreg._reconstructor, Calls(os.system, f"touch {mark}"), object, None)
    ),
    "os.system as an extension": lambda mark: plain(
        note=[Calls(copyreg.add_extension, "posix", "system", 0xF0F0), touch(mark)]
    ),
    "eval among the namespace's own names": lambda mark: with_dict(Calls(builtins.eval, f"open({str(mark)!r}, 'w')")),
    "namespace whose state is made by a call": lambda mark: {**plain(), "opt": Calls(Namespace, touch(mark))},
    "numpy file": lambda mark: plain(note=Calls(np.memmap, str(mark), "u1", "w+", 0, (4,))),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", HOSTILE)
def test_runs_nothing_of_a_hostile_file(name: str, protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = written(tmp_path, HOSTILE[name](mark), protocol)
    with pytest.raises(UnsafePickleError, match=r"infos_test\.pkl: (refused|want an infos file)"):
        read_infos(path)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["os.system deep in opt", "exec", "getattr chain", "open"])
def test_the_hostile_files_would_have_run(name: str, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    pickle.loads(pickle.dumps(HOSTILE[name](mark)))
    assert mark.exists()


def binary(text: str) -> bytes:
    raw = text.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


NAMESPACE, ENCODE = b"cargparse\nNamespace\n", b"c_codecs\nencode\n"
DTYPE, SCALAR = b"cnumpy\ndtype\n", b"cnumpy.core.multiarray\nscalar\n"
WHOLE = b"(X\x03\x00\x00\x00opt%sX\x05\x00\x00\x00vocab}" + binary("1") + binary("cat") + b"sd."
HANDWRITTEN: dict[str, bytes] = {
    "huge memo number": b"\x80\x02}r\xff\xff\xff\x7f.",
    "huge byte array": b"\x80\x05\x96\x00\x00\x00\x00\x00\x01\x00\x00.",
    "huge text": b"\x80\x04\x8d\xff\xff\xff\xff\xff\x00\x00\x00a.",
    "huge number": b"\x80\x02\x8b\x00\x10\x00\x00" + b"\x7f" * 4096 + b".",
    "nest of tuples as a key": b"\x80\x02})" + b"\x85" * 200_000 + b"Ns.",
    "exploding tuple as a key": b"\x80\x02})" + b"".join(b"q%ch%c\x86" % (n, n) for n in range(60)) + b"Ns.",
    "exploding tuple, put aside": b"\x80\x02})" + b"".join(b"N0q%ch%c\x86" % (n, n) for n in range(60)) + b"Ns.",
    "exploding tuple, numbered by itself": b"\x80\x04})" + b"".join(b"\x94h%c\x86" % n for n in range(60)) + b"Ns.",
    "exploding tuple, of marks": b"\x80\x02})" + b"".join(b"q%c0((1(h%ch%cN0t" % (n, n, n) for n in range(60)) + b"Ns.",
    "many tuples": b"\x80\x02]" + b")\x85a" * 1001 + b".",
    "too much taken": b"\x80\x02)\x86.",
    "nest of lists in opt": b"\x80\x02"
    + WHOLE % (NAMESPACE + b")\x81}" + binary("a") + b"]" * 3000 + b"a" * 2999 + b"sb"),
    "exploding list in opt": b"\x80\x02"
    + WHOLE
    % (
        NAMESPACE
        + b")\x81}"
        + binary("a")
        + b"]("
        + b"1"
        + b"".join(b"q%c" % n + b"0](" + b"h%c" % n * 10 + b"e" for n in range(40))
        + b"sb"
    ),
    "persistent id": b"\x80\x02Pos.system\n.",
    "extension": b"\x80\x02\x82\x01.",
    "old instance": b"(S'touch'\nios\nsystem\n.",
    "state on a function": b"\x80\x02" + ENCODE + b"}" + binary("x") + b"K\x01sb.",
    "slots of a function": b"\x80\x02" + ENCODE + b"N}" + binary("__defaults__") + b"K\x01s\x86b.",
    "state on the class": b"\x80\x02" + NAMESPACE + b"}" + binary("x") + b"K\x01sb.",
    "slots of a namespace": b"\x80\x02" + NAMESPACE + b")\x81N}" + binary("__class__") + b"K\x01s\x86b.",
    "setstate in opt": b"\x80\x02"
    + WHOLE % (NAMESPACE + b")\x81}" + binary("__setstate__") + ENCODE + b"sb" + binary("x") + b"b"),
    "class in opt": b"\x80\x02" + WHOLE % (NAMESPACE + b")\x81}" + binary("__class__") + b"K\x01sb"),
    "function in opt": b"\x80\x02" + WHOLE % (NAMESPACE + b")\x81}" + binary("a") + ENCODE + b"sb"),
    "namespace with arguments": b"\x80\x02" + WHOLE % (NAMESPACE + b"K\x01\x85R"),
    "other encoding": b"\x80\x02" + ENCODE + binary("x") + binary("rot13") + b"\x86R.",
    "encoding of no text": b"\x80\x02" + ENCODE + b"K\x01" + binary("latin1") + b"\x86R.",
    "object number": b"\x80\x02" + SCALAR + DTYPE + binary("O8") + b"\x85R" + binary("12345678") + b"\x86R.",
    "text number": b"\x80\x02" + SCALAR + DTYPE + binary("V9999999") + b"\x85R" + binary("1") + b"\x86R.",
    "number with fields": b"\x80\x02" + DTYPE + binary("f8") + b"\x85R(K\x03" + binary("<") + b"N}}" + b"tb.",
    "number of another length": b"\x80\x02" + SCALAR + DTYPE + binary("f8") + b"\x85R" + binary("1") + b"\x86R.",
    "number without a type": b"\x80\x02" + SCALAR + b"K\x01" + binary("1") + b"\x86R.",
    "dotted name": b"\x80\x04" + binary("argparse") + binary("Namespace.__init__.__globals__") + b"\x93.",
    "name made on the way": b"\x80\x04" + binary("posix") + binary("system") + b"\x93" + binary("true") + b"\x85R.",
    "nothing": b"",
    "no pickle": b"PK\x03\x04 and so on",
}


REASONS = {
    "huge memo number": "want memo numbers below",
    "huge byte array": "cannot be read",
    "huge text": "cannot be read",
    "huge number": "instruction LONG4",
    "nest of tuples as a key": "want tuples of at most 1000 parts",
    "exploding tuple as a key": "want tuples of at most 1000 parts",
    "exploding tuple, put aside": "want tuples of at most 1000 parts",
    "exploding tuple, numbered by itself": "want tuples of at most 1000 parts",
    "exploding tuple, of marks": "want tuples of at most 1000 parts",
    "many tuples": "want at most 1000 tuples",
    "too much taken": "takes more from its stack",
    "nest of lists in opt": "too deep",
    "exploding list in opt": "too many",
    "persistent id": "instruction PERSID",
    "extension": "instruction EXT1",
    "old instance": "instruction INST",
    "state on a function": "tries to change a function",
    "slots of a function": "tries to change a function",
    "state on the class": "cannot be read",
    "slots of a namespace": "want a record of named values, got tuple",
    "setstate in opt": "want a record of named values, got str",
    "class in opt": "want names of options",
    "function in opt": "opt.a: want a plain value",
    "namespace with arguments": "cannot be read",
    "other encoding": "another encoding",
    "encoding of no text": "another encoding or kind",
    "object number": "got 'O8'",
    "text number": "got 'V9999999'",
    "number with fields": "fields or parts",
    "number of another length": "want 8 bytes for a number, got 1",
    "number without a type": "something else",
    "dotted name": "wants to call 'argparse.Namespace.__init__",
    "name made on the way": "wants to call 'posix.system'",
    "nothing": "cannot be read",
    "no pickle": "cannot be read",
}


@pytest.mark.parametrize("name", HANDWRITTEN)
def test_refuses_tricks_written_by_hand(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafePickleError, match=re.escape(REASONS[name])):
        read_infos(written(tmp_path, HANDWRITTEN[name]))
    assert read_infos(INFOS).vocab["1"] == "a", "a refused file must leave the reader as it was"


def test_the_handwritten_frame_is_sound(tmp_path: Path) -> None:
    good = b"\x80\x02" + WHOLE % (NAMESPACE + b")\x81}" + binary("a") + b"K\x01sb")
    assert read_infos(written(tmp_path, good)).opt.a == 1


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_says_that_a_file_was_cut_short(share: float, tmp_path: Path) -> None:
    whole = INFOS.read_bytes()
    with pytest.raises(UnsafePickleError, match="cannot be read"):
        read_infos(written(tmp_path, whole[: int(len(whole) * share)]))


def test_bounds_the_number_of_instructions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_fence, "MOST_INSTRUCTIONS", 5000)
    assert read_infos(INFOS).vocab["1"] == "a"
    with pytest.raises(UnsafePickleError, match="want at most 5000 instructions"):
        read_infos(written(tmp_path, b"\x80\x02" + b"}" * 5000 + b"."))


def test_bounds_the_size_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "infos file", Limit(1000, "bytes", "a test says so"))
    shutil.copyfile(INFOS, tmp_path / "big.pkl")
    with pytest.raises(UnsafePickleError, match=r"big\.pkl: want at most 1,000 bytes, got 2,931"):
        read_infos(tmp_path / "big.pkl")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([1, 2], "want a record with opt and vocab"),
        ({"opt": 1}, "want a record with opt and vocab"),
        ({**plain(), "opt": {"a": 1}}, "opt: want an argparse.Namespace, got dict"),
        ({**plain(), "vocab": ["a"]}, "vocab: want a record of 1 to"),
        ({**plain(), "vocab": {"1": "a", "3": "b"}}, 'vocab: want the keys "1" to "2", got none for "2"'),
        ({**plain(), "vocab": {1: "a"}}, 'got none for "1"'),
        ({**plain(), "vocab": {"1": 7}}, 'vocab: want words of at most 200 characters, got another value for "1"'),
        (plain(note="x" * 20_000), "opt.note: want at most 10000 characters, got 20000"),
        (plain(note=b"raw"), "opt.note: want a plain value, got bytes"),
        (plain(note=Namespace(a=1)), "opt.note: want a plain value, got Record"),
        (plain(**{"a b": 1}), "opt: want names of options"),
    ],
)
def test_says_which_value_is_not_plain(found: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafePickleError, match=message):
        read_infos(written(tmp_path, found))


def checkpoint(folder: Path, change: Callable[[dict[str, Any]], Any], **options: Any) -> tuple[Path, Path]:
    """A small model.pth, changed, and its infos file."""
    state = AoANet(Options(**SMALL)).state_dict()
    change(state)
    torch.save(state, folder / "model.pth")
    return folder / "model.pth", written(folder, plain(**options))


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (
            lambda s: s.pop("logit.bias"),
            {},
            r"model\.pth: .* 1 of \d+ tensors missing \(first: logit\.bias\), 0 unknown",
        ),
        (lambda s: s.update(more=torch.zeros(1)), {}, r"0 tensors missing .* 1 unknown \(first: \['more'\]\)"),
        (lambda s: None, {"rnn_size": 24}, r"have another shape; first: .* want \(.*24.*\), got \(.*12.*\)"),
        (lambda s: None, {"use_ff": 0}, r"unknown \(first: \['refiner.layers.0.feed_forward.w_1.bias'"),
        (lambda s: None, {"vocab_size": 7}, r"infos_test\.pkl: want 7 words \(opt.vocab_size\), got 6"),
        (lambda s: s.update(bad=Path("x")), {}, r"model\.pth: refused: it holds more than tensors"),
    ],
)
def test_says_how_the_two_files_differ(change: Any, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(*checkpoint(tmp_path, change, **options))


def test_the_weights_say_whether_the_query_is_normalised(tmp_path: Path) -> None:
    def drop(state: dict[str, Any]) -> None:
        for name in ("a_2", "b_2"):
            del state[f"core.attention.norm.{name}"]

    assert load_checkpoint(*checkpoint(tmp_path, drop))[2].norm_q == 0
    assert load_checkpoint(*checkpoint(tmp_path, lambda s: None))[2].norm_q == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"infos: none\.pkl: want an existing file"):
        read_infos(tmp_path / "none.pkl")
    with pytest.raises(CheckpointError, match=r"weights: none\.pth: want an existing file"):
        load_checkpoint(tmp_path / "none.pth", written(tmp_path, plain()))
