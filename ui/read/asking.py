"""Page "Ask the picture with words": labels on patches, beside one another, along three paths, through layers, beside classes."""

from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import Context, asking, towers
from tutorials.findings.labels import label_layers
from tutorials.plain import plain
from ui.frame import state
from ui.parts import components, controls, films, labels, lesson, panels, pickers, widgets
from ui.parts.lesson import View
from ui.read import asking_labels, asking_proof
from ui.read.asking_labels import answer, compared, knobs, path
from ui.store import resources
from visualizer.figures.comparison import side_by_side
from visualizer.figures.summary import curves
from visualizer.measures.score import HIT_THRESHOLD
from visualizer.method import Map, methods
from worlds.phrases import phrase, phrases

HEIGHT, SMALL = 370, 310
"""Pixels of a figure, and of one of two."""
BESIDE, SHOWN, CURVE, TEXT_LAYER, TEXT_HEAD = "raw_beside", "winner_shown", "label_curve", "text_layer", "text_head"
"""Keys of controls, and their names in the address."""
WINNER, MARGIN = "winner", "margin"
RANK, AHEAD = "rank", "margin"
COUNT = 5
"""Classes and labels in a list."""


def _map(now: Context, key: str, title: str, height: int, **more: Any) -> Any:
    """Draw one map of the chosen path; returns it."""
    method, look = path(), controls.look(now, None)
    found = answer(now, method, knobs(now, method), **more)
    how = {**look, "scale": found.scale(look["scale"]), "signed": found.signed, "query": (), "height": height}
    said = f"{found.words[0].upper()}{found.words[1:]}"
    names: dict[str, Any] = {"labels": _winners(now)} if "show" in more else {}
    components.picture_map(
        now, key, found.values, title, name=said, unit=found.unit, caption=plain(f"{said}."), **how, **names
    )
    return found


def one(now: Context) -> None:
    """The map of the label asked about; the raw attention of the same layer beside it, if it is wanted."""
    title = f"“{now.label}”, layer {now.chosen.layer + 1}"
    if not st.session_state.get(BESIDE):
        _map(now, "asking_map", title, HEIGHT)
        return
    left, right = st.columns(2)
    with left:
        _map(now, "asking_map", title, SMALL)
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
    title = f"{method.label.capitalize()}, layer {now.chosen.layer + 1}"

    def make() -> Any:
        maps = [answer(now, method, given, label=label) for label in now.labels]
        return side_by_side(now.picture.image, maps, list(now.labels), title=title, **how)

    key = ("asking_every", now.view, method.name, *map(str, given.items()), *map(str, how.items()))
    words = f"The maps of {len(now.labels)} labels after layer {now.chosen.layer + 1}: {'; '.join(now.labels)}."
    told = "one scale for all labels: their colours can be compared" if scale == "shared" else f"scale: {scale}"
    components.panel(resources.figures(key, make), "asking_every", words, caption=f"{told.capitalize()}.", below=False)


def winner(now: Context) -> None:
    """For every patch the label that it is most similar to, in the colour of its chip, or how far that label is ahead."""
    if len(now.labels) < 2:
        st.info("A winner needs at least two labels: add one.")
        one(now)
        return
    shown = str(st.session_state.get(SHOWN, WINNER))
    title = f"{'Winner' if shown == WINNER else 'Margin of the winner'} of {len(now.labels)} labels, layer {now.chosen.layer + 1}"
    _map(now, "asking_winner", title, HEIGHT, show=shown)


def _winners(now: Context) -> list[str]:
    """The label that wins each patch, for hovering."""
    method, given = path(), knobs(now, path())

    def make() -> list[str]:
        maps = np.stack([answer(now, method, given, label=label).values for label in now.labels])
        return [now.labels[n] for n in maps.argmax(axis=0).ravel()]

    found: list[str] = resources.once(("asking_winners", now.view, method.name, *map(str, given.items())), make)
    return found


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
    components.panel(resources.figures(key, make), "asking_paths", words, below=False)


def _scores(now: Context) -> None:
    """How the map of each path lies on what the label names, as a table."""
    about = asking.named(now)
    drawn = now.picture.scene is not None
    if about is None or (labels.named(now) is None if drawn else now.label != about.label):
        st.caption("Nothing with a known outline is named by this label, so that there is nothing to score.")
        return
    given = tuple(map(str, knobs(now, methods()[asking.PATHS[0]]).items()))
    key = ("asking_scores", now.view, given)
    each = resources.once(key, lambda: [asking.scored(one.values, about) for one in _three(now).values()])
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


def by_layer(now: Context) -> None:
    """How near each label is to the class token after every layer: its place among all, or how far it is ahead."""
    scene, which = now.picture.scene, str(st.session_state.get(CURVE, RANK))
    texts = now.labels if scene is None else phrases()
    drawn = now.labels if scene is None else tuple(phrase(thing) for thing in scene.things)

    def make() -> tuple[Any, str]:
        found = now.run(label_layers, now.model, now.picture, texts)
        if which == RANK:
            lines = {label: found.ranks(label) + 1 for label in drawn}
            unit = f"place among {len(texts)} labels; 1: the nearest"
        else:
            lines = {label: found.margins(label) for label in drawn}
            unit = "cosine minus the largest of another label"
        figure = curves(
            lines, unit, title="How near to the class token", reference={} if which == RANK else {"ahead": 0.0}
        )
        nearest = "; ".join(f"{n + 1}: {label}" for n, label in enumerate(found.answers()))
        return figure, f"Nearest after each layer: {nearest}."

    if which == AHEAD and len(texts) < 2:
        st.info("A margin needs at least two labels: add one.")
        which = RANK
    figure, said = resources.figures(("asking_by_layer", now.view, which, texts, drawn), make)
    components.panel(figure, "asking_by_layer", said, caption=plain(said), below=False)


def _by_layer(now: Context) -> None:
    tip = "rank: the place of the label among all. margin: its similarity minus the largest to another label; above 0 it is first."
    widgets.choice("Curve", (RANK, AHEAD), CURVE, help=tip)


def classes(now: Context) -> None:
    """What a list of classes and what labels call the same scene."""
    if now.picture.scene is None:
        st.caption(f"{towers.CLASSIFIER} has classes for drawn scenes alone. Here are the labels.")
        said = now.record.prediction.top(len(now.labels))
        components.bar_chart(
            "asking_labels", said, "share of the softmax", "{} {:.1%}", title="How well each label fits"
        )
        return
    known, told = towers.both_told(now)
    for place, one, key, title in zip(
        st.columns(2),
        (known, told),
        ("asking_classes", "asking_labels"),
        (f"{towers.CLASSIFIER}: {len(known.names)} classes", f"{now.model}: {len(told.names)} labels"),
        strict=True,
    ):
        with place:
            said = list(zip(one.names, one.shares, strict=True))[:COUNT]
            components.bar_chart(key, said, "probability", "{} {:.1%}", (f"{title}: ", "."), title=title, height=280)
    st.caption(f"Truth: {' and '.join(phrase(thing) for thing in now.picture.scene.things)}.")


def words(now: Context) -> None:
    """The map of a label beside what the end token of its text reads, in the text encoder of the same model."""
    left, right = st.columns(2)
    with left:
        _map(now, "asking_beside", f"“{now.label}”, layer {now.chosen.layer + 1}", SMALL)
    with right:
        read = asking_labels.words(now)
        layer, head = _text_place(read, None)
        row = read.weights[layer].mean(axis=0) if head is None else read.weights[layer][head]
        who = "mean of heads" if head is None else f"head {head + 1}"
        title = f"Read by the end token, text layer {layer + 1}, {who}"
        named = list(zip(read.names, map(float, row), strict=True))
        components.bar_chart(
            "asking_words", named, "share of attention", "{} {:.0%}", (f"{title}: ", "."), title=title, height=SMALL
        )


def _words(now: Context) -> None:
    _text_place(asking_labels.words(now), st)


def _text_place(read: towers.Words, place: Any) -> tuple[int, int | None]:
    """The chosen layer and head of the text encoder, 0 first."""
    layers, heads = read.weights.shape[:2]
    places = place.columns(2) if place else (None, None)
    layer = widgets.slider("Text layer", 1, layers, TEXT_LAYER, layers, place=places[0]) - 1
    return layer, pickers.one_or_mean("Text head", TEXT_HEAD, heads, place=places[1])


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
        "by layer": View(by_layer, (), None, _by_layer),
        "classes": View(classes, ()),
        "words": View(words, ASKED, _look, _words),
    },
    below,
    asking_labels.choose,
    asking_labels.context,
    asking_labels.remarks,
)
