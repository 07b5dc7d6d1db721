"""Code that reads the page on the page, for a notebook."""

from __future__ import annotations

import json

from tutorials.findings.page import Reading
from ui.documents import UPLOAD_ID


def page_code(document_id: str) -> str:
    """The lines that draw or open the page."""
    kind, _, rest = document_id.partition("-")
    if document_id == UPLOAD_ID or not rest:
        return 'page = "my_page.png"\n'
    if kind == "form":
        return f"from worlds.receipts import form\n\npage = form({rest}).picture\n"
    seed, _, lines = rest.partition("-")
    extra = ", invented=True" * (kind == "invented")
    return f"from worlds.receipts import receipt\n\npage = receipt({seed}, {lines}{extra}).picture\n"


def record_code(now: Reading) -> str:
    """Page, reader, record, and the chosen layer, head and token as variables."""
    return (
        "import vit_attention as va\n"
        + page_code(now.document.id)
        + f'model = va.load("{now.model}")\n'
        + f"record = model.attend(page, prompt={json.dumps(prompt_of(now))})\n"
        + f"layers = {_listed(now.layer, 'layer')}\nheads = {_listed(now.head, 'head')}\n"
        + f"token = {now.token}  # token {now.token + 1} of {len(now.tokens)}; numbers begin at 0\n\n"
    )


def prompt_of(now: Reading) -> str:
    """The task prompt of this reading."""
    return str(now.record.settings.get("prompt", now.document.prompt))


def _listed(number: int | None, name: str) -> str:
    return f"None  # mean of all {name}s" if number is None else f"[{number}]  # {name} {number + 1}"
