"""What people call models, and which card they mean. An alias is exactly the same model; for the rest there is a hint."""

import difflib
import re
from pathlib import Path
from typing import Any

from vit_attention.gate.refusal import GateError, shown
from vit_attention.models.cards import CARDS, Card, open_card

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_ADDRESS = re.compile(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/(?P<id>[\w.-]+/[\w.-]+)/?(?:tree/main/?)?")
_WEIGHTS = (".pth", ".pt", ".bin", ".safetensors", ".ckpt", ".tar")
_PUBLISHED = {
    "vitb16": "vit-b-16",
    "vitb32": "vit-b-32",
    "vitl16": "vit-l-16",
    "vith14": "vit-h-14",
    "vitbase16": "vit-b-16",
    "vitbase32": "vit-b-32",
    "vitlarge16": "vit-l-16",
    "vithuge14": "vit-h-14",
    "donut": "donut-base",
    "dino": "hf:facebook/dino-vits16",
    "dinovits16": "hf:facebook/dino-vits16",
    "dinovitb16": "hf:facebook/dino-vitb16",
    "dinov2": "hf:facebook/dinov2-base",
    "dinov2vits14": "dinov2-small",
    "dinov2vits14reg": "dinov2-small-registers",
    "deittiny16": "deit-tiny",
    "deitsmall16": "deit-small",
    "dinov2vitb14": "hf:facebook/dinov2-base",
    "dinov2vitl14": "hf:facebook/dinov2-large",
    "deit": "hf:facebook/deit-base-patch16-224",
    "clip": "clip-vit-b-16",
    "clipvitb16": "clip-vit-b-16",
    "clipvitbase16": "clip-vit-b-16",
    "siglip": "hf:google/siglip-base-patch16-224",
    "bert": "hf:google-bert/bert-base-uncased",
    "beit": "hf:microsoft/beit-base-patch16-224",
    "vit": "vit-b-16",
}
"""Names of architectures without dashes, which several published models share, and one of them."""


class ModelNameError(GateError):
    """No model of this name."""


def named(given: Any) -> Card:
    """The card that is meant; raises ModelNameError, with the nearest names, for an unknown one."""
    name = str(given) if isinstance(given, Path) else given
    if not isinstance(name, str):
        raise ModelNameError("model", "a name, or a model's folder", shown(given))
    found = next((one for one in CARDS if one.name == name), None) or open_card(name) or _alias(name.strip())
    if found is None:
        known = ", ".join(one.name for one in CARDS)
        want = f"one of {known}, hf:<folder or hub id> or timm:<name>"
        raise ModelNameError("model", want, shown(name), advice=_hint(name.strip()))
    return found


def _alias(name: str) -> Card | None:
    """The card of exactly the same model under another name."""
    address = _HUB_ADDRESS.fullmatch(name)
    name = address["id"] if address else name
    spelled = _spelled(name)
    for one in CARDS:
        if spelled == one.name or name == one.hub != "":
            return one
    if name.lower().startswith(("hf:", "timm:")):
        lead, _, rest = name.partition(":")
        return open_card(f"{lead.lower()}:{rest.strip()}")
    folder = _folder(name)
    if folder is not None and (folder / "config.json").is_file():
        return open_card(f"hf:{folder}")
    if name.startswith("timm/") and _HUB_ID.fullmatch(name):
        return open_card(f"timm:{name.removeprefix('timm/')}")
    return open_card(f"hf:{name}") if _HUB_ID.fullmatch(name) and _owned(name) else None


def _owned(name: str) -> bool:
    """Whether owner/name can be of the hub: not a file's path, and not an architecture such as ViT-B/16."""
    return not name.startswith(".") and not name.lower().endswith(_WEIGHTS) and not _hinted(name)


def _folder(name: str) -> Path | None:
    """The folder on this machine that a name is the path of."""
    try:
        path = Path(name).expanduser()
        return path if name and path.is_dir() else None
    except (OSError, ValueError, RuntimeError):  # too long, a zero byte, no such user
        return None


def _spelled(name: str) -> str:
    return re.sub(r"[\s_]+", "-", name.lower())


def _hinted(name: str) -> str:
    return _PUBLISHED.get(re.sub(r"[^a-z0-9]", "", name.lower()).replace("patch", ""), "")


def _hint(name: str) -> str:
    """What may be meant, as a sentence; "" if nothing is near."""
    if name.lower().endswith(_WEIGHTS):
        return "This is a weights file: give the name of its model, and the file with weights="
    if re.fullmatch(r"(vit|deit|beit)-(tiny|small|base|large|huge)-.*", name):
        owner = {"vit": "google", "deit": "facebook", "beit": "microsoft"}[name.partition("-")[0]]
        return f"Did you mean {shown(f'{owner}/{name}')}, of the hub?"
    if re.search(r"_patch\d+|_mci_|^(vit|deit3?|beit|beitv2|eva|eva02)_", name.lower()):
        return f"Did you mean {shown(f'timm:{name}')}, of the timm library?"
    if _folder(name) is not None:
        return "This folder has no config.json, by which a model of the transformers library is known."
    if name.startswith(("/", "./", "../", "~")) or "\\" in name:
        return "There is no folder of this name."
    known = _hinted(name)
    near = [known] if known else difflib.get_close_matches(_spelled(name), [one.name for one in CARDS], 3, 0.6)
    if not near:
        return ""
    return f"Did you mean {' or '.join(shown(one) for one in near)}?"
