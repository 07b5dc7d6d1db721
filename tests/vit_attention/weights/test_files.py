"""Files as strangers would have them: what they are is said, and nothing is allocated that the file does not hold."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import vit_attention as va
from vit_attention.weights import checkpoints
from vit_attention.weights.checkpoints import CheckpointError

SMALL = {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.ones(4)}
HEADER = b'{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}}'
BYTES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "an empty file"),
    "a page": (b"\n <!DOCTYPE html><html>", "a web page"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a pointer of Git LFS"),
    "text": (b"these are weights", "plain text"),
    "json": (b'{"weights": 1}', "JSON: shards are loaded by their index"),
    "packed": (b"\x1f\x8b\x08\x00", "packed with gzip"),
    "hdf5": (b"\x89HDF\r\n", "HDF5"),
    "pickle": (b"\x80\x04}.", "a pickle that torch.save did not write"),
    "cut": ((10**12).to_bytes(8, "little") + b"{}", "cut short"),
    "a header that lies": (len(HEADER).to_bytes(8, "little") + HEADER, "cannot be read"),
}


@pytest.mark.parametrize("case", BYTES)
def test_says_what_a_file_is(case: str, tmp_path: Path) -> None:
    data, words = BYTES[case]
    (tmp_path / "file.pth").write_bytes(data)
    with pytest.raises(CheckpointError, match=words):
        checkpoints.read(tmp_path / "file.pth")


@pytest.mark.parametrize("old", [False, True])
def test_both_formats_of_torch_are_read(old: bool, tmp_path: Path) -> None:
    torch.save({"model": SMALL, "epoch": 3}, tmp_path / "a.bin", _use_new_zipfile_serialization=not old)
    found = checkpoints.read(tmp_path / "a.bin")
    assert list(found) == ["model.a.weight", "model.b"]
    torch.testing.assert_close(found["model.a.weight"], SMALL["a.weight"])
    (tmp_path / "a.bin").rename(tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=r"call it a\.pth"):
        checkpoints.read(tmp_path / "a.safetensors")


def test_safetensors_go_by_their_content(tmp_path: Path) -> None:
    save_file(SMALL, tmp_path / "a.pth")
    torch.testing.assert_close(checkpoints.read(tmp_path / "a.pth")["b"], SMALL["b"])


@pytest.mark.parametrize("old", [False, True])
def test_tensors_larger_than_their_file_are_refused(old: bool, tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1).expand(10**10)}, tmp_path / "a.pth", _use_new_zipfile_serialization=not old)
    with pytest.raises(CheckpointError, match="would take 40000000000 bytes"):
        checkpoints.read(tmp_path / "a.pth")


def test_numbers_that_an_old_file_promises_are_measured(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"a": torch.zeros(1000)}, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    promised = data.replace(b"M\xe8\x03", b"J\x00\x00\x00\x70", 1)  # 1000 becomes 1.9 thousand million
    assert promised != data
    path.write_bytes(promised)
    with pytest.raises(CheckpointError, match="bytes in the file, got another number"):
        checkpoints.read(path)


def test_a_packed_archive_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", b"\0" * 10**8)
    with pytest.raises(CheckpointError, match="got compressed or doubled ones"):
        checkpoints.read(tmp_path / "bomb.pth")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_and_whole_modules_say_the_way(tmp_path: Path) -> None:
    torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(str(tmp_path / "script.pt"))
    with pytest.raises(CheckpointError, match=r"TorchScript archive.*state_dict\(\)"):
        checkpoints.read(tmp_path / "script.pt")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")
    with pytest.raises(CheckpointError, match=r"refused: it holds more than tensors \('torch\.nn\.modules\.linear"):
        checkpoints.read(tmp_path / "module.pt")


def bad(value: torch.Tensor) -> torch.Tensor:
    out = torch.zeros(3)
    out[1] = value
    return out


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: bad(torch.tensor(float("nan"))), "b: want finite numbers"),
        (lambda: torch.full((3,), 1e300, dtype=torch.float64), "b: want finite numbers"),
        (lambda: torch.zeros(3, dtype=torch.complex64), "got a tensor of complex64"),
        (lambda: torch.zeros(3, dtype=torch.int8), "want float32, got int8: quantized"),
        (lambda: torch.zeros(3).to(torch.float8_e4m3fn), "of 8 bits"),
        (lambda: torch.zeros(3).to_sparse(), "sparse"),
        (lambda: torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8), "quantized"),
        (lambda: torch.zeros(3, device="meta"), "without values"),
    ],
)
def test_numbers_that_no_map_can_be_made_of(make: Any, words: str, tmp_path: Path) -> None:
    with torch.device("meta"):
        module = torch.nn.Module()
        module.b = torch.nn.Parameter(torch.zeros(3))
    torch.save({"b": make()}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=words):
        checkpoints.fill(module, checkpoints.read(tmp_path / "a.pth"), "a.pth")


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_other_floats_become_float32(kind: torch.dtype, tmp_path: Path) -> None:
    state = {name: one.to(kind) for name, one in va.load("scene-vit").module.state_dict().items()}
    torch.save(state, tmp_path / "a.pth")
    assert next(va.load("scene-vit", weights=tmp_path / "a.pth").module.parameters()).dtype == torch.float32


def test_pipes_and_loops_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, words in (("pipe.pth", "a pipe"), ("loop", "symbolic links"), ("x" * 300, "too long")):
        with pytest.raises(CheckpointError, match=words):
            checkpoints.read(tmp_path / name)


# --- shards ----------------------------------------------------------------------------------------------------------


def sharded(folder: Path, ending: str = "safetensors", **change: Any) -> Path:
    """Two shards and their index, in which some tensors lie elsewhere."""
    start = "model" if ending == "safetensors" else "pytorch_model"
    places = {}
    for number, (name, tensor) in enumerate(SMALL.items(), start=1):
        places[name] = f"{start}-0000{number}-of-00002.{ending}"
        path = folder / places[name]
        save_file({name: tensor}, path) if ending == "safetensors" else torch.save({name: tensor}, path)
    index = folder / f"{start}.{ending}.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places | change}))
    return index


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
def test_shards_are_read_by_their_index_or_folder(ending: str, tmp_path: Path) -> None:
    index = sharded(tmp_path, ending)
    for given in (index, tmp_path):
        assert {name: one.tolist() for name, one in checkpoints.read(given).items()} == {
            name: one.tolist() for name, one in SMALL.items()
        }
    before = checkpoints.file_hash(index)
    next(iter(tmp_path.glob("*-00001*"))).write_bytes(b"other")
    assert checkpoints.file_hash(index) != before


@pytest.mark.parametrize(
    ("shard", "words"),
    [
        ("../model.safetensors", "want names of weights files beside it"),
        ("/etc/passwd", "want names of weights files beside it"),
        ("model.safetensors.index.json", "want names of weights files beside it"),
        ("none.safetensors", "1 of its 2 shards are missing"),
        ("model-00002-of-00002.safetensors", "lacks"),
        (3, "want a valid string"),
    ],
)
def test_an_index_that_lies(shard: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=words):
        checkpoints.read(sharded(tmp_path, **{"a.weight": shard}))


def test_shards_that_are_links_to_elsewhere_or_have_no_index(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    index = sharded(tmp_path / "own")
    shard = tmp_path / "own" / "model-00001-of-00002.safetensors"
    shard.rename(tmp_path / "elsewhere.safetensors")
    shard.symlink_to(tmp_path / "elsewhere.safetensors")
    with pytest.raises(CheckpointError, match="a link to another folder"):
        checkpoints.read(index)
    index.unlink()
    with pytest.raises(CheckpointError, match="bring the index"):
        checkpoints.read(tmp_path / "own")
