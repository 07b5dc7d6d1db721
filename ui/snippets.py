"""Code that makes the view on the page, for a notebook."""

from __future__ import annotations

from tutorials.findings import Context
from visualizer.method import Map, methods
from vit_attention.inputs.samples import samples


def picture_code(picture_id: str) -> str:
    """The lines that open or draw the picture."""
    parts = picture_id.split("-")
    if parts[0] == "scene":
        extra = f", objects={parts[2]}, difficulty={int(parts[3]) / 100}" if len(parts) == 4 else ""
        return f"from worlds.scenes import scene\n\npicture = scene({parts[1]}{extra}).picture\n"
    if picture_id in samples():
        return f'from vit_attention.inputs.samples import samples\n\npicture = samples()["{picture_id}"].open()\n'
    return 'picture = "my_picture.jpg"\n'


def record_code(now: Context) -> str:
    """Picture, model, record, and the chosen layer, head and query as variables."""
    head = (
        "None  # mean of all heads" if now.chosen.head is None else f"{now.chosen.head}  # head {now.chosen.head + 1}"
    )
    return (
        "import vit_attention as va\n"
        + picture_code(now.picture.id)
        + f'model = va.load("{now.model}")\nrecord = model.attend(picture)\n'
        + f"layer = {now.chosen.layer}  # layer {now.chosen.layer + 1}; numbers begin at 0\n"
        + f"head = {head}\nquery = {now.chosen.query}  # {now.axis.name(now.chosen.query)}\n"
        + "weights = record.maps[layer].weights  # (heads, queries, keys)\n\n"
    )


def map_code(now: Context, name: str, found: Map, target: str = "") -> str:
    """The lines that make a method's map from ``record``, or from ``model`` and ``picture`` where it needs more of them."""
    method, more = methods()[name], ""
    if method.needs != {"weights"} and not now.picture.key.startswith("bundle-"):
        wanted = f", target={now.target(target)!r}" if method.asks_class else ""
        needs = (
            f"needs_for(query={now.question(method)['query']})"
            if method.asked_by == "patch" and method.run
            else "needs"
        )
        more = f'record = model.attend(picture{wanted}, keep=methods()["{name}"].{needs})\n'
    return f"from visualizer import methods\n\n{more}found = {found.code}\nrow, values = found.row, found.values\n"
