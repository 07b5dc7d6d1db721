"""What stands below the figures of "Cover and see": trust card, code, command and files of the changed picture."""

import io
from collections.abc import Callable
from typing import Any

from ui.parts import components
from visualizer.method import methods
from visualizer.words.maps import describe

CODE = """from vit_attention.inputs.edited import edited

image = va.open_picture(picture).image
changed = edited(image, record.geometry, record.maps[0].query.grid, {patches}, {how})
again = model.attend(changed{more})
found = methods()["{method}"](again{asked})
values = found.values
"""


def below(now: Any) -> None:
    """The map of the changed picture in words, what can be checked about it, how to make it, and its files."""
    after, title = now.after, methods()[now.method].heading
    components.in_words(describe(after.values, name=f"{title} of the changed picture", unit=after.unit))
    files: dict[str, tuple[str, Callable[..., bytes]]] = {
        "Changed picture (PNG)": ("changed.png", changed_png),
        "Map of it (CSV)": ("changed-map.csv", lambda now: components.csv(now.after.values)),
        "Map before (CSV)": ("map.csv", lambda now: components.csv(now.before.values)),
    }
    components.code(now, "", [])
    components.downloads("cover", files, now=now)


def changed_png(now: Any) -> bytes:
    """The changed picture as a file."""
    out = io.BytesIO()
    now.edit.of(now.picture.image, now.record.geometry, now.grid).save(out, "PNG")
    return out.getvalue()
