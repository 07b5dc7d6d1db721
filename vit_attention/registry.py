"""Name to model: the cards of all models, and the one way to load them. Imports no torch until a model is loaded."""

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING

from vit_attention.gate import GateError, shown
from vit_attention.heavy import Progress, lacking, library
from vit_attention.models.cards import BUNDLED, CARDS, Card
from vit_attention.models.names import named
from vit_attention.weights import hub_cache
from vit_attention.weights.download import cache_folder

if TYPE_CHECKING:
    from vit_attention.models.model import Model  # torch would come with it


def models() -> tuple[Card, ...]:
    """The cards of all named models, bundled ones first; `hf:` and `timm:` names are open-ended and not listed.

    >>> models()[0].name
    'scene-vit'
    """
    return CARDS


def card(name: str | Path) -> Card:
    """The card of a model, by its name or by another name of exactly the same model.

    Such are names in another case or with other dashes ("vit_b_16"), a hub id ("google/vit-base-patch16-224") or its
    address, and a model's folder.

    Raises:
        ModelNameError: an unknown name; says which may be meant.
    """
    return named(name)


def at_hand(name: str | Path) -> Path | None:
    """Where a model's weights lie on this machine, as a file or folder; None if they would have to be downloaded.

    >>> at_hand("scene-vit").name
    'scene-vit.safetensors'

    Raises:
        ModelNameError: an unknown name.
    """
    chosen = card(name)
    if chosen.bundled:
        return _bundled(chosen)
    if chosen.builder:
        return next(iter(sorted(cache_folder().glob(f"{chosen.builder}*-*.pth"))), None)
    reference = chosen.hub or chosen.name.removeprefix("hf:")
    if not chosen.hub and os.path.isdir(reference):
        return Path(reference)
    return hub_cache.found(reference, chosen.revision) if reference.count("/") == 1 else None


def _bundled(chosen: Card) -> Path:
    return next(path for end in (".safetensors", "") if (path := BUNDLED / f"{chosen.name}{end}").exists())


def fetch(name: str | Path, progress: Progress | None = None, again: bool = False) -> Path:
    """The file or folder of a model's weights, downloaded if it is not at hand; the model is not loaded.

    Args:
        name: as `load` takes it.
        progress: called with (bytes so far, total bytes or None). What it raises ends the download, and is passed on; a
            `DownloadStopped` keeps what has arrived for the next call.
        again: download once more what is there.

    Raises:
        ValueError: an unknown name, or a model that has no published weights.
        LibraryError: a library that knows where they are is not installed.
        DownloadError: they could not be downloaded, or those that are there are damaged.
    """
    chosen = card(name)
    if chosen.bundled:
        return _bundled(chosen)
    adapter = library(f"vit_attention.adapters.{chosen.adapter if chosen.builder or not chosen.hub else 'hub'}")
    if not hasattr(adapter, "published"):
        raise ValueError(
            f"{chosen.name}: has no published weights of its own; give its files with --model and --infos_path"
        )
    found: Path = adapter.published(chosen, progress, again)
    return found


def load(
    name: str | Path,
    weights: str | Path | None = None,
    progress: Progress | None = None,
    *,
    key: str = "",
    infos: str | Path | None = None,
    resnet: str | Path | None = None,
) -> "Model":
    """Load a model of any family, ready for `attend`; the result's card says what the model does.

    Args:
        name: a name from `models()`, ``hf:<folder or hub id>`` for the transformers library, or ``timm:<name>``; see `card`.
        weights: own checkpoint (.safetensors, or a file of torch.save, loaded without unpickling code; the index of
            shards, or their folder); None takes the bundled or published weights. Common
            prefixes such as "module." are removed; a replaced head is found by its shape; see `Model.notes`.
        progress: called with (bytes so far, total bytes or None) while weights are downloaded.
        key: which network of a checkpoint that holds several, such as "state_dict_ema" or "student.backbone".
        infos: for ``aoanet``, the infos_*.pkl of the same training run, read without running anything in it.
        resnet: for ``aoanet``, a local file of ResNet-101's published weights, which plain pictures are looked at with.

    Raises:
        ModelNameError: an unknown name; the message suggests similar ones.
        ValueError: an argument that this model does not take, or a checkpoint that does not fit it (`CheckpointError`).
        LibraryError: torch, or another library that the model needs, is not installed.
        DownloadError: the published weights could not be downloaded; the message says how to get them by hand.
    """
    chosen = card(name)
    if not isinstance(weights, str | os.PathLike | None):
        raise GateError("weights", "a file's or folder's name, or None", shown(weights))
    adapter = library(f"vit_attention.adapters.{chosen.adapter}")
    files = {option: Path(given) for option, given in (("infos", infos), ("resnet", resnet)) if given is not None}
    foreign = set(files) - set(inspect.signature(adapter.load).parameters)
    if foreign:
        raise ValueError(f"{name}: want weights= alone, got {'= and '.join(sorted(foreign))}=, which belong to aoanet")
    if key and weights is None:
        raise ValueError(f"key: want it beside weights=, whose networks it tells apart, got {key!r} without a file")
    try:
        model: Model = adapter.load(chosen, None if weights is None else Path(weights), progress, key=key, **files)
    except ImportError as error:  # of a library that only this model needs
        raise lacking(chosen.name, error) from error
    return model
