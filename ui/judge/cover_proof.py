"""What stands below the figures of "Cover and see": trust card, code, command and files of the changed picture."""

import io
from collections.abc import Callable
from typing import Any

from tutorials.findings.cover import Edit
from ui.parts import components, snippets
from ui.parts.choosing import written
from visualizer.method import methods
from visualizer.method.base import SHARE
from visualizer.words.maps import describe

CODE = """from vit_attention.inputs.edited import edited
from visualizer import methods

patches = {patches}
original = {original}
changed = edited(original, record.geometry, record.maps[0].query.grid, patches, {how})
method = methods()["{method}"]
before, after = (method(model.attend(one, {more}keep=method.needs){asked}).values for one in (original, changed))
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
    components.code(now, code(now), [command(now)])
    components.downloads("cover", files, now=now)


def changed_png(now: Any) -> bytes:
    """The changed picture as a file."""
    out = io.BytesIO()
    now.edit.of(now.picture.image, now.record.geometry, now.grid).save(out, "PNG")
    return out.getvalue()


def code(now: Any) -> str:
    """The lines that change the picture and make both maps."""
    edit, method = now.edit, methods()[now.method]
    target = f"target={now.target(now.wanted)!r}, " if method.asks_class else ""
    labels = f"labels={list(now.labels)!r}, " if now.labels else ""
    asked = "".join(f", {name}={value!r}" for name, value in now.question(method).items())
    original = "va.open_picture(picture).image" if now.picture.scene is None else "picture"
    how = ", ".join([repr(edit.way), *(f"{name}={value}" for name, value in _how(edit).items())])
    given = {"patches": list(edit.patches), "original": original, "how": how, "method": now.method}
    return CODE.format(**given, more=target + labels, asked=asked)


def _how(edit: Edit) -> dict[str, str]:
    """What the way needs beside its name, as Python writes it."""
    own = {
        "shuffle": {"seed": repr(edit.seed)},
        "exchange": {"seed": repr(edit.seed)},
        "rotate": {"quarters": repr(edit.quarters)},
        "move": {"shift": repr(edit.shift)},
        "paste": {"other": f"va.open_picture({edit.other!r}).image"},
    }
    return own.get(edit.way, {})


def command(now: Any) -> str:
    """The command that draws the map of the changed picture."""
    edit = now.edit
    options: dict[str, Any] = {
        "edit": written(edit.patches) or None,
        "edit_with": edit.way if edit.patches else "mean",
    }
    options |= {"edit_seed": edit.seed} if edit.way in ("shuffle", "exchange") else {}
    options |= {"edit_turn": str(90 * edit.quarters)} if edit.way == "rotate" else {}
    options |= {"edit_shift": edit.shift} if edit.way == "move" else {}
    options |= {"edit_from": edit.other} if edit.way == "paste" else {}
    shares = snippets.FADED if now.before.unit == SHARE else {}
    together = [now.before.values, now.after.values]
    return snippets.command(now, now.method, now.wanted, **options, **shares, **snippets.scaled("shared", together))
