"""Weights in a folder: which file they are, and those that lie in several, by their index."""

from pathlib import Path
from typing import Annotated

from vit_attention.gate import GateError
from vit_attention.gate.folder import read_settings
from vit_attention.gate.schema import Schema, entries
from vit_attention.weights.refusal import CheckpointError

INDEX = ".index.json"
_MOST_SHARDS = 1000
_NAMES = ("model.safetensors", f"model.safetensors{INDEX}", "pytorch_model.bin", f"pytorch_model.bin{INDEX}")
"""What the transformers library calls weights, in its own order."""
_STRANGERS = (
    ("adapter_model*", "an adapter alone (PEFT, LoRA): save model.merge_and_unload() with save_pretrained(FOLDER)"),
    ("tf_model*.h5", "weights of TensorFlow: save the model from PyTorch with save_pretrained(FOLDER)"),
    ("flax_model*.msgpack", "weights of Flax: save the model from PyTorch with save_pretrained(FOLDER)"),
    ("**/*.onnx", "an ONNX network, whose attention can't be recorded: bring the PyTorch weights that it was made of"),
    ("*.gguf", "a GGUF file (llama.cpp): bring the PyTorch weights that it was made of"),
)


class _Index(Schema):
    weight_map: Annotated[dict[str, str], entries(100_000)]


def weights_in(folder: Path) -> Path:
    """The weights file of a model's folder, or the index of its shards.

    Raises:
        CheckpointError: there is none, or several and none of the usual name.
    """
    known = next((folder / name for name in _NAMES if (folder / name).exists()), None)
    if known is not None:
        return known
    for pattern in (f"*.safetensors{INDEX}", "*.safetensors", f"*.bin{INDEX}", "pytorch_model*.bin"):
        found = sorted(path for path in folder.glob(pattern) if not path.match("adapter_*"))
        if len(found) == 1 and "-of-" not in found[0].name.removesuffix(INDEX):
            return found[0]
        if found:
            names = ", ".join(path.name for path in found[:3])
            raise CheckpointError(
                f"{folder.name}: want one weights file, or the index of several (model.safetensors{INDEX}), got "
                f"{len(found)} files ({names}): bring the index, or say which with weights=FILE"
            )
    stranger = next((words for pattern, words in _STRANGERS if any(folder.glob(pattern))), "none")
    raise CheckpointError(f"{folder.name}: want a .safetensors or pytorch_model.bin file in the folder, got {stranger}")


def shards(index: Path) -> dict[str, list[str]]:
    """Names of the tensors in every shard that an index names.

    Raises:
        CheckpointError: no index; a shard outside its folder, or one that is missing.
    """
    try:
        found = read_settings(index, _Index).weight_map
    except GateError as error:
        raise CheckpointError(f"weights: {error}") from error
    names: dict[str, list[str]] = {}
    for tensor, shard in found.items():
        names.setdefault(shard, []).append(tensor)
    if len(names) > _MOST_SHARDS:
        raise CheckpointError(f"{index.name}: want at most {_MOST_SHARDS} shards, got {len(names)}")
    for shard in names:
        _check(index, shard)
    missing = [shard for shard in names if not (index.parent / shard).exists()]
    if missing:
        raise CheckpointError(
            f"{index.name}: {len(missing)} of its {len(names)} shards are missing (first: {missing[0]}): bring them beside it"
        )
    return names


def _check(index: Path, shard: str) -> None:
    """Refuse a shard that lies elsewhere, or whose link leads elsewhere than the index's own (the hub's cache has such)."""
    plain = shard.isprintable() and not set(shard) & set('/\\:"') and not shard.startswith(".")
    if not plain or not shard.endswith((".safetensors", ".bin", ".pt", ".pth")):
        raise CheckpointError(f"{index.name}: want names of weights files beside it, got {shard[:60]!a}")
    try:
        place = (index.parent / shard).resolve().parent
    except (OSError, RuntimeError) as error:  # links in a circle
        raise CheckpointError(f"{index.name}: {shard} is a link that ends nowhere") from error
    if place not in (index.parent.resolve(), index.resolve().parent):
        raise CheckpointError(f"{index.name}: want shards beside it, got {shard}, a link to another folder")
