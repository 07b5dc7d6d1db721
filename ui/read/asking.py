"""Page "Ask the picture with words": labels on patches, beside one another, along three paths, through layers, beside classes."""

from typing import Any

import streamlit as st

from tutorials.findings import Context, asking, labelled
from ui.frame import state
from ui.parts import components, controls, films, labels, lesson, panels, pickers, widgets
from ui.parts.lesson import View
from ui.read import asking_labels, asking_proof, asking_texts
from ui.read.asking_labels import answer, compared, knobs, path
from ui.read.asking_map import SMALL, draw_map
from ui.store import figures, resources
from visualizer.figures.comparison import side_by_side
from visualizer.measures.score import HIT_THRESHOLD
from visualizer.method import Map, methods

HEIGHT = 370
"""Pixels of a figure."""
BESIDE, SHOWN = "raw_beside", "winner_shown"
"""Keys of controls, and their names in the address."""
WINNER, MARGIN = "winner", "margin"


def one(now: Context) -> None:
    """The map of the label asked about; the raw attention of the same layer beside it, if it is wanted."""
    title = f"“{now.label}”, layer {now.chosen.layer + 1}"
    if not st.session_state.get(BESIDE):
        draw_map(now, "asking_map", title, HEIGHT)
        return
    left, right = st.columns(2)
    with left:
        draw_map(now, "asking_map", title, SMALL)
    with right:
        look = {"height": SMALL, "query": (), "opacity": controls.look(now, None)["opacity"]}
        words = controls.map_name(now)
        components.picture_map(
            now, "asking_raw", now.patch_map(), "Raw attention", caption=f"{words.capitalize()}.", **look
        )


def _one(now: Context) -> None:
    if widgets.toggle("Raw attention beside it", BESIDE, help="What the class token reads, which no label changes."):
        heads = len(now.record.maps[now.chosen.layer].weights)
        pickers.one_or_mean("Head", state.HEAD, heads)


def every(now: Context) -> None:
    """The maps of all labels side by side, on one scale or each on its own."""
    method, look = path(), controls.look(now, None)
    given = knobs(now, method)
    scale = "per map" if look["scale"] == "per map" else "shared" if look["scale"] == "raw" else look["scale"]
    how = {"scale": scale, "colormap": look["colormap"], "opacity": look["opacity"], "narrow": controls.on_phone()}
    title = f"{method.heading}, layer {now.chosen.layer + 1}"

    def make() -> Any:
        maps = [answer(now, method, given, label=label) for label in now.labels]
        return side_by_side(now.picture.image, maps, list(now.labels), title=title, **how)

    key = ("asking_every", now.view, method.name, *map(str, given.items()), *map(str, how.items()))
    words = f"The maps of {len(now.labels)} labels after layer {now.chosen.layer + 1}: {'; '.join(now.labels)}."
    told = "one scale for all labels: their colours can be compared" if scale == "shared" else f"scale: {scale}"
    with components.drawing():
        components.panel(figures.one(key, make), "asking_every", words, caption=f"{told.capitalize()}.")


def winner(now: Context) -> None:
    """For every patch the label that it is most similar to, in the colour of its chip, or how far that label is ahead."""
    if len(now.labels) < 2:
        st.info("A winner needs at least two labels: add one.")
        one(now)
        return
    shown = str(st.session_state.get(SHOWN, WINNER))
    title = f"{'Winner' if shown == WINNER else 'Margin of the winner'} of {len(now.labels)} labels, layer {now.chosen.layer + 1}"
    draw_map(now, "asking_winner", title, HEIGHT, show=shown)


def _winner(now: Context) -> None:
    widgets.choice("Shown", (WINNER, MARGIN), SHOWN, help="margin: how far the winner is ahead of the second label.")


def _three(now: Context) -> dict[str, Map]:
    """The map of the label along each path, by name."""
    return {name: answer(now, methods()[name], knobs(now, methods()[asking.PATHS[0]])) for name in asking.PATHS}


def paths(now: Context) -> None:
    """One label along three paths, side by side."""
    look, given = controls.look(now, None), knobs(now, methods()[asking.PATHS[0]])
    how = {"colormap": look["colormap"], "opacity": look["opacity"], "narrow": controls.on_phone()}
    scale = "shared" if look["scale"] == "shared" else "per map"
    title = f"“{now.label}” after layer {now.chosen.layer + 1}"

    def make() -> Any:
        return side_by_side(
            now.picture.image, list(_three(now).values()), list(asking.PATHS), scale=scale, title=title, **how
        )

    key = ("asking_paths", now.view, *map(str, given.items()), scale, *map(str, how.items()))
    words = f"{title}, along three paths: {', '.join(asking.PATHS)}."
    components.panel(figures.one(key, make), "asking_paths", words)


def _scores(now: Context) -> None:
    """How the map of each path lies on what the label names, as a table."""
    about = labelled.named(now)
    drawn = now.picture.scene is not None
    if about is None or (labels.named(now) is None if drawn else now.label != about.label):
        st.caption("Nothing with a known outline is named by this label, so that there is nothing to score.")
        return
    given = tuple(map(str, knobs(now, methods()[asking.PATHS[0]]).items()))
    key = ("asking_scores", now.view, given)
    each = resources.once(key, lambda: [labelled.scored(one.values, about) for one in _three(now).values()])
    hits, places = ("yes" if one.hit else "no" for one in each), about.cover > HIT_THRESHOLD
    components.table(
        {
            "path": [*asking.PATHS, "chance"],
            "strongest patch on it": [*hits, f"{places.mean():.0%}"],
            "share of positive similarity": [*(f"{one.share:.1%}" for one in each), f"{each[0].chance:.1%}"],
            "mean on it minus beside it": [*(f"{one.gap:+.3f}" for one in each), "0"],
        }
    )


def film(now: Context) -> None:
    """The map of the label through the layers, played in the browser."""
    method = path()
    given = knobs(now, method)
    now = compared(now, method, given)
    films.film(
        now, method, "", given, controls.look(now, None), (), films.choices(now, method, given, None), "asking_film"
    )


def _film(now: Context) -> None:
    films.choices(now, path(), knobs(now, path()))


def _look(now: Context) -> None:
    controls.look(now)


def below(now: Context) -> None:
    """The map of the label in words, what can be checked, code, commands and files."""
    if any(panels.wanted(name) for name in (panels.WORDS, panels.TRUST, panels.CODE, panels.FILES)):
        asking_proof.draw(now, path(), knobs(now, path()), controls.look(now, None))


ASKED = ("labels", "layer", "path")
PAGE = lesson.Page(
    "asking",
    {
        "map": View(one, ASKED, _look, _one),
        "labels": View(every, ASKED, _look),
        "winner": View(winner, ASKED, _look, _winner),
        "paths": View(paths, ("labels", "layer"), _look, _scores),
        "film": View(film, ("labels", "path"), _look, _film),
        "by layer": View(asking_texts.by_layer, (), None, asking_texts.curve),
        "classes": View(asking_texts.classes, ()),
        "words": View(asking_texts.words, ASKED, _look, asking_texts.text_place),
    },
    below,
    asking_labels.choose,
    asking_labels.context,
    asking_labels.remarks,
)
