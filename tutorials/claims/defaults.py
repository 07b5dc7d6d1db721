"""What each page shows before anybody has chosen anything: the views whose verdicts are precomputed."""

from dataclasses import replace
from typing import Any

from tutorials.claims.fresh import geometry_of, looked, read
from tutorials.findings.captioning import Captioning
from tutorials.findings.context import Context, Picture, Run, Selection
from tutorials.findings.page import Document, Inside, Reading
from vit_attention.records import AttentionRecord
from worlds.sentences import sentence

MODELS = {
    "reading": ("receipt-donut",),
    "fields": ("receipt-donut",),
    "swin": ("receipt-donut",),
    "captions": ("scene-aoanet",),
    **dict.fromkeys(("asking", "labels"), ("scene-clip",)),
    **dict.fromkeys(("sentence", "padding"), ("review-encoder",)),
}
"""Bundled models of a page's default views; of every other page `PICTURES`."""
READ = MODELS["sentence"]
PICTURES = ("scene-vit", "photo-dino")
CHOSEN = Selection(layer=9, head=None, query=0, row=6, column=6, patches=())
STAGE, BLOCK, PLACE = 2, 0, (0.36, 0.3)
REVIEW = 7
"""Number of the made-up review that pages about sentences begin with."""


def models(page: str) -> tuple[str, ...]:
    """The models of a page's default views, the first one first."""
    return MODELS.get(page, PICTURES)


def chosen(page: str) -> Selection:
    """What a page about pictures asks at first: *One query* is about one head, the others about the mean of all."""
    return replace(CHOSEN, head=0) if page == "query" else CHOSEN


def default(page: str, model: str, run: Run) -> Any:
    """What the findings of a page are given in its default view under one of its `models`."""
    if page in ("reading", "fields"):
        receipt = Document.drawn("receipt-3-3")
        record = run(read, model, receipt, receipt.prompt)
        return Reading(model, receipt, record, len(record.maps) - 1, None, 0, run)
    if page == "swin":
        receipt = Document.drawn("receipt-3-3")
        plan, geometry = run(stages_of, model, None), run(geometry_of, model, receipt)
        return Inside(model, receipt, plan, STAGE, BLOCK, None, PLACE, geometry, receipt.image, run)
    if page == "captions":
        picture = Picture.drawn("scene-6-2-50")
        return Captioning(model, picture, run(looked, model, picture, ()), None, 0, run=run)
    picture = Picture.photograph("coffee") if model == "photo-dino" else Picture.drawn("scene-7")
    if model in READ:
        picture = Picture.sentence(sentence(REVIEW).text, sentence(REVIEW))
    record = run(looked, model, picture, ())
    return Context(model, picture, record, _fitting(page, record), run)


def _fitting(page: str, record: AttentionRecord) -> Selection:
    """What a page asks at first of a record, which may have fewer layers and no patches."""
    first, layer = chosen(page), min(CHOSEN.layer, len(record.maps) - 1)
    row, column = (0, 0) if record.maps[0].query.kind == "text" else (first.row, first.column)
    return replace(first, layer=layer, row=row, column=column)


def stages_of(model: Any, page: None) -> Any:
    """The plan of an encoder."""
    return model.stages()


def is_default(page: str, now: Any) -> bool:
    """Whether a context is the default view of its page but for the picture, so that the precomputed verdict is about it."""
    if now.model not in models(page):
        return False
    if isinstance(now, Reading):
        return now.layer == len(now.maps) - 1 and now.head is None and now.document.id.startswith("receipt-")
    if isinstance(now, Inside):
        return (now.stage, now.block, now.head) == (STAGE, BLOCK, None) and now.document.id.startswith("receipt-")
    if isinstance(now, Captioning):
        return now.head is None and now.beams == 1
    drawn = now.model in READ or (now.picture.scene is not None) == (now.model != "photo-dino")
    return drawn and now.chosen == _fitting(page, now.record) and now.size is None
