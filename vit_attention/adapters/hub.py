"""Folders of the transformers library, from disk or from the hub: what is fetched, and which adapter reads them."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

from vit_attention.heavy import Progress
from vit_attention.models.cards import Card
from vit_attention.weights.download import DownloadError

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_SETTINGS = ("*.json", "*.txt", "sentencepiece*.model", "spiece.model")
"""Configuration and vocabulary; never code."""


def load(card: Card, weights: Path | None, progress: Progress | None) -> Any:
    """The model behind an `hf:` name, by the adapter of its family.

    Raises:
        ValueError: not a folder nor a hub id; or a family that no adapter knows.
        CheckpointError: the folder's weights do not fit its configuration.
        DownloadError: the hub cannot be reached, or has no such model.
    """
    here = folder(card.name.removeprefix("hf:"), progress)
    adapter = "donut" if family(here) == "vision-encoder-decoder" else "hf_vit"
    return importlib.import_module(f"vit_attention.adapters.{adapter}").load(card, weights, progress)


def family(folder: Path) -> str:
    """The model type that a folder's config.json names; "" if there is none to read."""
    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def folder(reference: str, progress: Progress | None, pickles: bool = False, again: bool = False) -> Path:
    """A local folder as it is, or a hub id's files, downloaded on the first use and resumed after a break.

    Args:
        reference: folder, or a hub id such as owner/name.
        progress: called with (bytes so far, bytes in all or None).
        pickles: whether weights in the older .bin format do where there are no safetensors.
        again: download once more what is there.

    Raises:
        ValueError: neither a folder nor a hub id.
        DownloadError: the hub cannot be reached, or has no such model.
    """
    if Path(reference).is_dir():
        return Path(reference)
    if not _HUB_ID.fullmatch(reference):
        raise ValueError(f"hf: want a folder or a hub id such as owner/name, got {reference!r}")
    from huggingface_hub import snapshot_download

    def fetch(*patterns: str) -> Path:
        meter = _meter(progress)
        return Path(snapshot_download(reference, allow_patterns=[*patterns], tqdm_class=meter, force_download=again))

    try:
        found = fetch(*_SETTINGS, "*.safetensors")
        return found if not pickles or any(found.glob("*.safetensors")) else fetch(*_SETTINGS, "pytorch_model*.bin")
    except Exception as error:  # its own kinds and those of whichever HTTP library it uses
        raise DownloadError(
            f"{reference}: the hub did not give it ({type(error).__name__}). Try again, which goes on where it broke off; or "
            "download the model's folder yourself (*.json, *.safetensors) and load it with hf:FOLDER."
        ) from error


def _meter(progress: Progress | None) -> Any:
    """A tqdm class that reports to `progress` instead of the terminal."""
    from tqdm import tqdm

    class Meter(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": progress is None})

        def display(self, *_args: Any, **_kwargs: Any) -> None:
            if progress is not None and self.unit == "B":
                progress(int(self.n), None if self.total is None else int(self.total))

    return Meter
