"""Code and command that make the view of the caption page."""

from __future__ import annotations

from tutorials.findings.captioning import Captioning
from ui import snippets


def record_code(now: Captioning) -> str:
    """Picture, model, record, and the chosen head and word as variables."""
    if now.runs:
        beams = "" if now.beams == 1 else f", beams={now.beams}"
        made = f'{snippets.picture_code(now.picture.id)}model = va.load("{now.model}")\nrecord = model.attend(picture{beams})\n'
    else:
        made = 'record = va.AttentionRecord.load("told.npz")\n'
    head = "None  # mean of all heads" if now.head is None else f"{now.head}  # head {now.head + 1}"
    return (
        f"import vit_attention as va\n{made}head = {head}\n"
        f"word = {now.word}  # word {now.word + 1} of {len(now.words)}; numbers begin at 0\n\n"
    )
