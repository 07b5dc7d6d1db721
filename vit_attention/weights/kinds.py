"""What a file is by its first bytes, whatever it is called."""

import zipfile
from pathlib import Path

from vit_attention.gate import LIMITS, GateError, regular
from vit_attention.weights.refusal import CheckpointError

OLD_START = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""The number that torch.save wrote first, as a pickle, before version 1.6."""

_STRANGERS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a pointer of Git LFS, not the file: fetch it with `git lfs pull`"),
    (b"<!doctype", "a web page: the download did not give the file, only a page about it"),
    (b"<html", "a web page: the download did not give the file, only a page about it"),
    (b"<?xml", "an XML page: the download did not give the file, only a message about it"),
    (b"\x89hdf", "an HDF5 file (Keras, TensorFlow)"),
    (b"\x1f\x8b", "a file packed with gzip: unpack it first"),
    (b"bzh", "a file packed with bzip2: unpack it first"),
    (b"\xfd7zxz", "a file packed with xz: unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive: unpack it first"),
    (b"rar!", "a RAR archive: unpack it first"),
    (b"gguf", "a GGUF file (llama.cpp)"),
    (b"\x93numpy", "a NumPy array"),
    (b"\x89png", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"%pdf", "a PDF"),
    (b"\x08\x03", "an ONNX network"),
    (b"\x80", "a pickle that torch.save did not write"),
)


def kind(path: Path) -> str:
    """ "safetensors", "torch" (an archive of torch.save) or "old torch" (what it wrote before version 1.6).

    Raises:
        CheckpointError: no plain file, or one of another kind; says which.
    """
    try:
        with regular(path).open("rb") as stream:
            head = stream.read(64)
    except (GateError, OSError) as error:
        raise CheckpointError(f"weights: {error}") from error
    if head.startswith((b"PK\x03\x04", OLD_START)):
        if path.suffix == ".safetensors":  # torch goes by the name
            raise CheckpointError(f"{path.name}: cannot be read: got a torch.save file: call it {path.stem}.pth")
        return "torch" if head.startswith(b"PK") else "old torch"
    header = int.from_bytes(head[:8], "little")
    if 2 <= header <= path.stat().st_size - 8 and head[8:9] == b"{":
        if header > LIMITS["weights header"].most:
            raise CheckpointError(
                f"{path.name}: header: want at most {LIMITS['weights header'].most:,} bytes, got {header:,}"
            )
        return "safetensors"
    raise CheckpointError(
        f"{path.name}: cannot be read: want a .safetensors or torch.save file, got {_stranger(path, head)}"
    )


def _stranger(path: Path, head: bytes) -> str:
    if not head:
        return "an empty file"
    start = head.lstrip().lower()
    found = next((words for magic, words in _STRANGERS if start.startswith(magic)), "")
    if found:
        return found
    if head[8:9] == b"{":
        return "a .safetensors file that is cut short"
    if start[:1] in b"{[":
        return "JSON: shards are loaded by their index, NAME.safetensors.index.json or NAME.bin.index.json"
    return "plain text" if head.isascii() and head.replace(b"\n", b" ").decode().isprintable() else "something else"


def foreign_archive(archive: zipfile.ZipFile) -> str:
    """What an archive is that torch.save did not write; "" for one that it wrote."""
    names = archive.namelist()
    tails = {name.rpartition("/")[2] for name in names}
    if "constants.pkl" in tails:
        return "a TorchScript archive, which holds code: save torch.jit.load(FILE).state_dict() with torch.save"
    if names and all(name.endswith(".npy") for name in names):
        return "arrays of NumPy (.npz)"
    if sum(name.endswith("/data.pkl") for name in names) == 1:
        return ""
    return "a zip archive that torch.save did not write: unpack it if the weights lie inside"
