"""Name to model: the cards of all models, and the one way to load them. Imports no torch until a model is loaded."""

import importlib
import inspect
from pathlib import Path
from typing import TYPE_CHECKING

from vit_attention.heavy import Progress, heavy_imports
from vit_attention.models.cards import CARDS, Card, open_card

if TYPE_CHECKING:
    from vit_attention.models.model import Model  # torch would come with it


def models() -> tuple[Card, ...]:
    """The cards of all named models, bundled ones first; `hf:` and `timm:` names are open-ended and not listed.

    >>> models()[0].name
    'scene-vit'
    """
    return CARDS


def card(name: str) -> Card:
    """The card of `name`; raises ValueError, naming what there is, for an unknown one."""
    for one in CARDS:
        if one.name == name:
            return one
    found = open_card(name)
    if found is not None:
        return found
    known = ", ".join(one.name for one in CARDS)
    raise ValueError(f"model: want one of {known}, hf:<folder or hub id> or timm:<name>, got {name!r}")


def load(
    name: str,
    weights: str | Path | None = None,
    progress: Progress | None = None,
    *,
    infos: str | Path | None = None,
    resnet: str | Path | None = None,
) -> "Model":
    """A model ready to attend, whatever its family: its card says what it does, its class what it can do beside.

    Args:
        name: a name from `models()`, ``hf:<folder or hub id>`` for the transformers library, or ``timm:<name>``.
        weights: own checkpoint (.pth or .safetensors, loaded without unpickling code); None takes the bundled or
            published weights.
        progress: called with (bytes so far, bytes in all or None) while weights are downloaded.
        infos: for ``aoanet``, the infos_*.pkl of the same training run, read without running anything in it.
        resnet: for ``aoanet``, a local file of ResNet-101's published weights, which plain pictures are looked at with.

    Raises:
        ValueError: unknown name; a file that this model does not take; or a checkpoint of the wrong shape or kind (`CheckpointError`).
        DownloadError: the published weights could not be fetched; the message says how to get them by hand.
    """
    chosen = card(name)
    with heavy_imports:
        adapter = importlib.import_module(f"vit_attention.adapters.{chosen.adapter}")
    files = {key: Path(given) for key, given in (("infos", infos), ("resnet", resnet)) if given is not None}
    foreign = set(files) - set(inspect.signature(adapter.load).parameters)
    if foreign:
        raise ValueError(f"{name}: want weights= alone, got {'= and '.join(sorted(foreign))}=, which belong to aoanet")
    model: Model = adapter.load(chosen, None if weights is None else Path(weights), progress, **files)
    return model
