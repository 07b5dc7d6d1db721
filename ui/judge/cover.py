"""Page "Cover and see": chosen patches are changed, and the answer and the map stand beside what they were before."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import Context
from tutorials.findings import cover as found
from tutorials.findings.context import Selection
from tutorials.findings.cover import Edit, Seen
from ui.frame import state
from ui.judge import cover_proof, cover_said
from ui.parts import components, controls, lesson, looking, pickers, widgets
from ui.parts.choosing import OBJECT, Chooser
from ui.parts.lesson import View
from ui.store import figures, pictures, resources
from visualizer.figures import overlay
from visualizer.figures.answers import answers
from visualizer.figures.comparison import before_after
from visualizer.method import Method, methods
from visualizer.words.maps import describe
from vit_attention.inputs.edited import WAYS
from worlds.photographs import photographs

PATCHES, WAY, METHOD, CLASS = "edited", "edit_with", "edit_map", "edit_class"
"""Keys of the controls, and their names in the address."""
HEIGHT, CLASSES = 335, 2
"""Pixels of the maps, over the bars; classes that have bars: the one asked about, and the likeliest after or before."""
PERCENT = (0.0, 115.0)
"""Ends of an axis of percentages: room for a number beside a bar of 100, and too little for a mark above 100."""
FIRST = "rollout"
COMPARED = ("mean", "grey", "black", "blur", "shuffle", "exchange", "rotate")
"""Ways that stand side by side: those that change the chosen patches alone and need no other picture."""
NAMES = ("as it is", "changed")


@dataclass(frozen=True)
class Covered(Context):
    """A picture under a model, what is done to it, and what is asked about it.

    Attributes:
        edit: what is done.
        method: name of the method whose maps are shown.
        wanted: class asked about, or a similarity; "" for the likeliest class.
    """

    edit: Edit = field(default_factory=Edit)
    method: str = FIRST
    wanted: str = ""

    @property
    def before(self) -> Seen:
        """What the model makes of the picture as it is."""
        return found.seen(self, Edit(), self.method, self.wanted)

    @property
    def after(self) -> Seen:
        """What it makes of the edited picture."""
        return found.seen(self, self.edit, self.method, self.wanted)


def context(looked: looking.Looked, needs: Sequence[str]) -> Covered:
    """Draw the controls that a figure needs: the patches, what is done to them, the class, the map; what is looked at."""
    now = looking.context(looked, ())
    chooser = _chooser(now)
    if "patches" in needs:
        chooser.draw()
    places: Any = st.columns(3) if "way" in needs else [None] * 3
    edit = Edit(chooser.patches, *_way(places[0], now))
    method = _method(now, places[1])
    with places[2] or st.container():
        wanted = _class(now, methods()[method], places[2] is not None)
    if "way" in needs:
        pickers.places(now.record, [one for one in ("layer", "head") if _takes(methods()[method], one)])
    return made(looked, state.selection(now.record), edit, method, wanted)


def made(looked: looking.Looked, chosen: Selection, edit: Edit, method: str, wanted: str) -> Covered:
    """What is looked at, of names and numbers."""
    now = looking.made(looked, chosen)
    given = {one.name: getattr(now, one.name) for one in fields(Context) if one.init}
    given["again"] = partial(made, looked, chosen, edit, method, wanted)
    return Covered(**given, edit=edit, method=method, wanted=wanted)


def _chooser(now: Context) -> Chooser:
    return Chooser(PATCHES, now.grid, {OBJECT: found.object_patches(now)})


def _way(place: Any, now: Context) -> tuple[str, int, int, tuple[int, int], str]:
    """The way and its own numbers, as `Edit` takes them; controls that do nothing are not drawn."""
    box = place.container() if place else None
    tip = "; ".join(f"{name}: {meaning}" for name, meaning in WAYS.items())
    way = widgets.menu("What is done to the patches", list(WAYS), WAY, place=box, help=f"{tip}.")

    def drawn(*ways: str) -> Any:
        return box if way in ways else None

    seed = widgets.number("Random order", 1, 99, "edit_seed", 1, place=drawn("shuffle", "exchange")) - 1
    turns = widgets.choice("Degrees", ("90", "180", "270"), "edit_turn", "180", place=drawn("rotate"))
    rows, columns = now.grid
    free = _shift(now)
    if way == "move":  # else the room of one picture would be kept for the next
        down = widgets.number("Patches down", 1 - rows, rows - 1, "edit_down", free[0], place=box)
        right = widgets.number("Patches right", 1 - columns, columns - 1, "edit_right", free[1], place=box)
        free = (down, right)
    others = [one for one in (*pictures.GALLERY, *photographs()) if one != now.picture.id]
    other = widgets.menu("Pasted from", others, "edit_from", place=drawn("paste"), format_func=pictures.title)
    return way, seed, int(turns) // 90, free, other if way == "paste" else ""


def _shift(now: Context) -> tuple[int, int]:
    """Where the first object is moved to: down, right, in patches."""
    return found.free_shift(now, found.object_patches(now, 0)) or found.SHIFTS[0]


def _fits(now: Context, method: Method) -> str:
    """Why a method has no map beside a changed picture; "" if it has one."""
    if method.passes is not None or method.most:
        return "takes too long to follow a click: see the Playground"
    if method.of_patches or method.asked_by not in ("any", "class", "nobody"):
        return "asks a patch or label: see the Playground"
    return now.unfit(method)


def _method(now: Context, place: Any) -> str:
    asked = ("cover, fits", now.model, now.picture.key)
    why = resources.once(asked, lambda: {one.name: _fits(now, one) for one in methods().values()})
    return controls.among(why, METHOD, label="Map", first=methods()[FIRST].label, place=place)


def _takes(method: Method, what: str) -> bool:
    return method.layers in ("one", "until") if what == "layer" else method.heads


def _class(now: Context, method: Method, drawn: bool) -> str:
    """What is asked about: a class, or the similarity that stands for one; the menu of a class is drawn where there are some."""
    known = now.record.prediction.labels
    if drawn and (known or method.asks_class):
        return controls.target(now, CLASS)
    kept = str(st.session_state.get(CLASS, ""))
    return kept if kept in known else found.likeness_target(now) if method.asks_class and not known else ""


def _maps(now: Covered, edit: Edit, method: str, wanted: str, corners: tuple[int, ...], phone: bool) -> tuple[Any, ...]:
    """The map of the picture as it is and of the changed one, on one scale; patches can be clicked in both."""
    before, after = now.before, now.after
    image = edit.of(now.picture.image, now.record.geometry, now.grid)
    figure = before_after(
        (now.picture.image, image),
        before.values,
        after.values,
        NAMES,
        now.record.geometry,
        difference=False,
        query=sorted({*edit.patches, *corners}),
        outlined="chosen patch",
        clickable=True,
        unit=before.unit,
        narrow=phone,
        height=None if phone else HEIGHT,
        **controls.shares(before.unit),
    )
    title = methods()[method].heading
    said = "\n".join(
        describe(one.values, name=f"{title}, {name}", unit=one.unit)
        for one, name in zip((before, after), NAMES, strict=True)
    )
    return figure, said


def picture(now: Covered) -> None:
    """Both maps, both answers, and the change in numbers."""
    chooser = _chooser(now)
    with st.spinner("The model looks at the changed picture ..."):
        asked = (now.edit, now.method, now.wanted, chooser.corners, controls.on_phone())
        components.kept(now, "cover_maps", _maps, *asked, pick=chooser.pick())
    if now.record.prediction.labels:
        components.kept(now, "cover_answers", _answers, now.edit, now.method, now.wanted)
    st.caption(change(now))


def _answers(now: Covered, edit: Edit, method: str, wanted: str) -> tuple[Any, str]:
    """The class asked about and the likeliest ones, before and after."""
    before, after = now.before, now.after
    asked = [before.labels.index(wanted)] if wanted in before.labels else []
    likely = [int(np.argmax(one.chances)) for one in (before, after)]
    kept = list(dict.fromkeys([*asked, *likely, *np.argsort(-after.chances, kind="stable").tolist()]))[:CLASSES]
    names = [before.labels[n] for n in kept]
    both = [100 * one.chances[kept] for one in (before, after)]
    listed = "; ".join(f"{name} {one:.1f} % and {two:.1f} %" for name, one, two in zip(names, *both, strict=True))
    return answers(names, both[0], both[1]), f"Probability of each class before and after: {listed}."


def change(now: Covered) -> str:
    """The score before and after, and how many patches were changed, in words."""
    changed = f"{len(now.edit.patches)} of {now.grid[0] * now.grid[1]} patches chosen"
    changed += f" and moved by {towards(now.edit.shift)}" * (now.edit.way == "move" and bool(now.edit.patches))
    if not now.record.prediction.labels:
        return f"{now.model} names no classes. {found.LIKENESS.capitalize()}: {now.after.likeness:.3f}, from -1 to 1; {changed}."
    name = now.wanted or now.record.prediction.top(1)[0][0]
    at = now.before.labels.index(name)
    one, two = (100 * float(each.chances[at]) for each in (now.before, now.after))
    return f"Probability of {name}: {one:.1f} %, then {two:.1f} %: {two - one:+.1f} percentage points; {changed}."


def untouched(now: Covered) -> None:
    """The picture without a map, its object outlined, and where that is to go."""
    inside, grid = found.object_patches(now, 0), now.grid
    look: dict[str, Any] = {"query": inside, "outlined": "the object", "height": HEIGHT + 80}
    where = f"{len(inside)} of {grid[0] * grid[1]} patches are outlined. They are moved by {towards(_shift(now))}."
    asked = ("cover, untouched", now.model, now.picture.key)
    figure = figures.one(asked, lambda: overlay.bare(now.picture.image, grid, now.record.geometry, **look))
    components.chart(figure, "cover_untouched", f"{now.picture.title} as it is. {where}")
    st.caption(where)


def towards(shift: tuple[int, int]) -> str:
    """A move down and to the right, in patches, in words.

    >>> towards((0, -4)), towards((4, 1))
    ('4 patches to the left', '4 patches down and 1 to the right')
    """
    names = (("up", "down"), ("to the left", "to the right"))
    told = [f"{abs(by)} {way[by > 0]}" for by, way in zip(shift, names, strict=True) if by]
    first, *more = " and ".join(told).split(" ", 1) if told else ("0",)
    return " ".join([first, "patch" if first == "1" else "patches", *more])


def ways(now: Covered) -> None:
    """The score after each way to change the chosen patches."""
    edits = [Edit(), *(Edit(now.edit.patches, way) for way in COMPARED)]
    with st.spinner(f"The model looks at {len(edits)} pictures ..."):
        after = found.scores(now, edits, now.wanted if now.record.prediction.labels else "")
    classes, name = bool(now.record.prediction.labels), found.score_name(now, now.wanted)
    unit, each = (f"{name} in %", "{}: {:.1f} %") if classes else (name, "{}: {:.3f}")
    rows = list(zip(("unchanged", *COMPARED), (100 if classes else 1) * after, strict=True))
    title = f"{len(now.edit.patches)} patches, changed in {len(COMPARED)} ways"
    look: dict[str, Any] = {"title": title, "height": HEIGHT, **({"limits": PERCENT} if classes else {})}
    components.bar_chart("cover_ways", rows, unit, each, (f"{name}. ", "."), **look)


def single(now: Covered) -> None:
    """The fall of the raw score when squares of 2 x 2 patches are covered one after the other."""
    if not now.record.prediction.labels:
        st.info(f"{now.model} names no classes, so no score of a class can fall. Choose a scene in the sidebar.")
        return
    told = "The model looks at the picture with every square of 2 x 2 patches covered ..."
    one = resources.answer(now, "occlusion", knobs=found.WINDOW, told=told)
    title = f"Fall of the raw score of {now.target()}"
    caption = (
        "Squares of 2 x 2 patches are covered one after the other. Below 0: the score rises when they are covered."
    )
    components.picture_map(
        now, "cover_single", one.values, title, unit=one.unit, caption=caption, height=380, scale=one.scale("raw")
    )


PAGE = lesson.Page(
    "cover",
    {
        "picture": View(picture, ("patches", "way")),
        "as it is": View(untouched, ()),
        "ways": View(ways, ("patches",)),
        "single": View(single, ()),
        "receipt": View(cover_said.receipt, (), under=cover_said.receipt_controls),
        "caption": View(cover_said.caption, (), under=cover_said.caption_controls),
    },
    cover_proof.below,
    context=context,
)
