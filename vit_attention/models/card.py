"""What is known about a model before it is loaded. Imports no torch."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

BUNDLED = Path(__file__).parents[1] / "bundled"


@dataclass(frozen=True)
class Card:
    """One model.

    Attributes:
        name: what `va.load` takes.
        family: architecture in words.
        label: short title for menus.
        adapter: module of `vit_attention.adapters` that loads it.
        parameters: number of parameters.
        megabytes: size of its weights file in megabytes (10**6 bytes).
        bundled: whether the weights ship with this repository.
        licence: of the weights.
        knows: what the model was trained to recognise, in one sentence.
        source: paper or command that made it.
        tokens: special tokens and patch grid, in words.
        memory: megabytes that a server process needs with it, including all maps of one picture; measured for bundled
            models and vit-b-16, an estimate for the others.
        task: what it does with a picture: "classify", "read", "caption" or, beside texts, "label"; or with a "text".
        builder, published: what torchvision calls the network and its weights.
        hub: owner/name on the hub, for weights that come from there.
        prompt: what a reader begins with; ``{question}`` stands for a question.
        heads: attention heads per layer; 0 if known only after loading.
        places: number of features of a region that encode its position.
        revision: commit of the hub's repository, 40 hexadecimal digits; "" follows its main branch.
        size: bytes of the weights file on the hub; one that differs by more than 5 % is refused. 0 if not known.
        sha256: hash of that file, where it is known.
        caution: what must be known wherever its maps are scored against outlines, in a sentence or two; "" if nothing.
    """

    name: str
    family: str
    label: str
    adapter: str
    parameters: int
    megabytes: float
    bundled: bool
    licence: str
    knows: str
    source: str
    tokens: str = ""
    memory: int = 0
    task: str = "classify"
    builder: str = ""
    published: str = ""
    hub: str = ""
    prompt: str = ""
    heads: int = 0
    places: int = 0
    revision: str = ""
    size: int = 0
    sha256: str = ""
    caution: str = ""

    @property
    def pin(self) -> str:
        """What keeps downloaded weights the same ones, in words; "" for those that nobody downloads.

        >>> from vit_attention.models.cards import CARDS
        >>> [one.pin for one in CARDS if one.name in ("scene-vit", "deit-small", "vit-b-16")]
        ['', 'not pinned', 'SHA-256 in the file name']
        """
        if self.builder:
            return "SHA-256 in the file name"
        commit = f"commit {self.revision[:7]}{', SHA-256' * bool(self.sha256)}" if self.revision else "not pinned"
        return commit if self.hub else ""

    @property
    def measured(self) -> dict[str, Any]:
        """Figures measured by this repository's benchmarks, for bundled models; {} otherwise."""
        return _measured(self.name) if self.bundled else {}


@lru_cache(maxsize=16)
def _measured(name: str) -> dict[str, Any]:
    path = BUNDLED / f"{name}.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}
