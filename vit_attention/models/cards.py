"""What is known about every model before it is loaded: one row a model. Imports no torch."""

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
        memory: megabytes that a server process needs with it, including all maps of one picture.
        task: what it does with a picture: "classify", "read" or "caption".
        builder, published: what torchvision calls the network and its weights.
        hub: owner/name on the hub, for weights that come from there.
        prompt: what a reader begins with; ``{question}`` stands for a question.
        heads: attention heads per layer; 0 if known only after loading.
        places: number of features of a region that encode its position.
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
    caution: str = ""

    @property
    def measured(self) -> dict[str, Any]:
        """Figures measured by this repository's benchmarks, for bundled models; {} otherwise."""
        return _measured(self.name) if self.bundled else {}


@lru_cache(maxsize=16)
def _measured(name: str) -> dict[str, Any]:
    path = BUNDLED / f"{name}.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _torchvision(
    name: str, label: str, parameters: int, megabytes: float, grid: str, heads: int, published: str
) -> Card:
    licence, source = "BSD-3-Clause code; weights as published by torchvision", "trained by torchvision"
    if "SWAG" in published:
        licence, source = "CC-BY-NC 4.0 (SWAG weights)", "weights of Singh et al. 2022, arXiv:2201.08371"
    return Card(
        name,
        "ViT (torchvision)",
        label,
        "torchvision_vit",
        parameters,
        megabytes,
        False,
        licence,
        "1000 classes of photographs (ImageNet-1k).",
        f"architecture of Dosovitskiy et al. 2021, arXiv:2010.11929; {source}",
        f"class token + {grid} patches",
        builder=name.replace("-", "_"),
        published=published,
        heads=heads,
    )


def _donut(name: str, label: str, hub: str, prompt: str, knows: str) -> Card:
    return Card(
        name,
        "Donut",
        label,
        "donut",
        200_000_000,
        800.0,
        False,
        "MIT",
        knows,
        "Kim et al. 2022, arXiv:2111.15664; weights of its authors",
        "2560 x 1920 pixels, 80 x 60 cells",
        3000,
        "read",
        hub=hub,
        prompt=prompt,
        heads=16,
    )


CARDS: tuple[Card, ...] = (
    Card(
        "scene-vit",
        "ViT (torchvision)",
        "scene-vit, bundled",
        "scene_vit",
        2_567_388,
        5.15,
        True,
        "MIT",
        "Twelve drawn shapes on textured grounds; it knows no photographs.",
        "python -m training.scene_vit",
        "class token + 14 x 14 patches",
        memory=470,
        heads=12,
    ),
    Card(
        "receipt-donut",
        "Donut",
        "receipt-donut, bundled",
        "donut",
        3_403_918,
        6.8,
        True,
        "MIT",
        "Printed receipts and simple forms in English words; it knows no handwriting and no other document.",
        "python -m training.receipt_donut",
        "256 x 192 pixels, 8 x 12 cells",
        530,
        "read",
        prompt="<s_receipt>",
        heads=8,
    ),
    Card(
        "scene-aoanet",
        "AoANet",
        "scene-aoanet, bundled",
        "aoanet",
        1_625_661,
        3.3,
        True,
        "MIT",
        "One sentence about one or two drawn shapes: their colours and which is left, right, above or below.",
        "python -m training.scene_aoanet",
        "14 x 14 cells of a small convolutional network, no special token",
        350,
        "caption",
        heads=4,
        places=14,
    ),
    Card(
        "aoanet",
        "AoANet",
        "AoANet, published (own files)",
        "aoanet",
        85_562_640,
        342.3,
        False,
        "see the checkpoint's own page",
        "What its captions were written about; the published ones were trained on photographs (COCO).",
        "Huang et al. 2019, arXiv:1908.06954; give weights=model.pth and infos=infos_*.pkl",
        "10 to 100 regions of a detector, or the 14 x 14 cells of ResNet-101; no special token",
        2000,
        "caption",
    ),
    _torchvision("vit-b-16", "ViT-B/16, ImageNet", 86_567_656, 346.3, "14 x 14", 12, "ViT_B_16_Weights.IMAGENET1K_V1"),
    _torchvision("vit-b-32", "ViT-B/32, ImageNet", 88_224_232, 353.0, "7 x 7", 12, "ViT_B_32_Weights.IMAGENET1K_V1"),
    _torchvision(
        "vit-l-16", "ViT-L/16, ImageNet", 304_326_632, 1217.4, "14 x 14", 16, "ViT_L_16_Weights.IMAGENET1K_V1"
    ),
    _torchvision(
        "vit-h-14", "ViT-H/14, SWAG", 632_045_800, 2528.3, "16 x 16", 16, "ViT_H_14_Weights.IMAGENET1K_SWAG_LINEAR_V1"
    ),
    _donut(
        "donut-base",
        "Donut, pre-trained",
        "naver-clova-ix/donut-base",
        "<s_iitcdip>",
        "All the text of a scanned page, in reading order.",
    ),
    _donut(
        "donut-cord",
        "Donut, receipts (CORD)",
        "naver-clova-ix/donut-base-finetuned-cord-v2",
        "<s_cord-v2>",
        "Photographed receipts.",
    ),
    _donut(
        "donut-rvlcdip",
        "Donut, kinds of documents (RVL-CDIP)",
        "naver-clova-ix/donut-base-finetuned-rvlcdip",
        "<s_rvlcdip>",
        "Which of 16 kinds a scanned page is.",
    ),
    _donut(
        "donut-docvqa",
        "Donut, questions (DocVQA)",
        "naver-clova-ix/donut-base-finetuned-docvqa",
        "<s_docvqa><s_question>{question}</s_question><s_answer>",
        "Answers to a question about a page.",
    ),
)


_OPEN = {"hf:": ("transformers library", "hub"), "timm:": ("timm library", "timm_vit")}


def caution(name: str) -> str:
    """What must be known wherever maps of the model of this name are scored against outlines; "" if nothing is known.

    >>> caution("scene-vit")
    ''
    """
    return next((card.caution for card in CARDS if card.name == name), "")


def open_card(name: str) -> Card | None:
    """The card of an `hf:` or `timm:` name, whose family is known only after loading; None for any other name."""
    for start, (library, adapter) in _OPEN.items():
        if name.startswith(start) and len(name) > len(start):
            return Card(
                name,
                library,
                name.removeprefix(start),
                adapter,
                0,
                0.0,
                False,
                "see the model's own page",
                "What its publisher trained it on.",
                f"loaded with the {library}",
            )
    return None
