"""Page "Heads on trial": heads turned while the answer is watched, every head's effect, sets of heads, and many scenes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import Context, heads_off
from tutorials.findings.context import NO_TRUTH
from tutorials.findings.trial_measured import LEAST, MEAN, MOST, ZERO, precomputed
from ui.judge import effects, turning
from ui.parts import components, controls, lesson, scrub, snippets, trust, widgets
from ui.parts.lesson import View
from visualizer.figures import head_trial, mosaic, summary
from visualizer.measures.ranks import rank_correlation
from visualizer.style import theme
from visualizer.style.scale import Scale
from visualizer.words import maps as words

HEIGHT, GRID = 300, 400
"""Pixels of a figure above the sliders, and of a grid of all heads."""
SINGLE, STRONGEST = 10, 20
"""Heads of a set that have a bar of their own, and measured heads with intervals."""
MAP, SHOWN = "trial_map", "trial_shown"
"""Keys: the method of the two maps, and how measured heads are shown."""
METHODS = ("rollout", "raw")
POINTS, ALL = "strongest 20 with intervals", "all heads"

CODE = """from vit_attention.changes import HeadGains

turned = model.under(HeadGains({GAINS}))
print(turned.attend(picture).prediction)
"""


def _able_heads(now: Context) -> Any:
    """The heads that are turned; where there are none to turn, the page says why."""
    if not effects.able(now):
        return ()
    heads = turning.heads(now)
    if not heads:
        turning.empty()
    return heads


def turned(now: Context) -> None:
    """The answer with heads turned; its bars follow the slider in the browser."""
    heads = _able_heads(now)
    if not heads:
        return
    names, values, unit, chosen = effects.outcomes(now, heads, turning.around())
    titles = [f"{turning.named(now).capitalize()} x {gain:g}" for gain in turning.GAINS]
    look: dict[str, Any] = {"titles": titles, "chosen": chosen, "height": HEIGHT}
    look["limits"] = effects.PERCENT if now.record.prediction.labels else None
    scrub.bars_that_follow("trial_bars", turning.GAIN, turning.at(), names, values, unit, **look)
    fall = heads_off.falls(now, [(heads, gain) for gain in turning.GAINS], turning.around())[turning.at()]
    st.caption(f"Starred: with no head turned. The {heads_off.aim(now)} {_falls(fall)}.")


def _falls(fall: float) -> str:
    return f"{'falls' if fall >= 0 else 'rises'} by {abs(fall):.3g}"


def maps(now: Context) -> None:
    """A map of all layers before and with heads turned, on one scale."""
    heads = _able_heads(now)
    if not heads:
        return
    asked = (heads, turning.gain(), turning.around(), str(st.session_state.get(MAP, METHODS[0])))
    components.kept(now, "trial_maps", _maps, *asked)


def _maps(now: Context, heads: heads_off.Heads, gain: float, how: str, name: str) -> tuple[Any, str, str]:
    name = name if name in METHODS else METHODS[0]
    before, after = (heads_off.map_under(now, name, (heads, one), how) for one in (1.0, gain))
    named = ("no head turned", f"{turning.named(now)} x {gain:g}")
    figure = components.two_maps(now, [before, after], named, scale="shared", height=HEIGHT)
    moved = float(abs(after / after.sum() - before / before.sum()).sum() / 2)
    said = "\n\n".join(words.describe(one, name=what) for one, what in zip((before, after), named, strict=True))
    what = "Rollout of all layers" if name == "rollout" else "The last layer, mean of all heads"
    return figure, said, f"{what}, one scale for both. {moved:.1%} of the map's weight lies on other patches."


def one_layer(now: Context) -> tuple[Any, str]:
    """What the heads of the chosen layer look at, with the share on the object where that is known; none is turned."""
    at = now.chosen.layer
    maps = now.patch_map(now.asking_rows()[at])
    shares = None if now.truth is None else [f"{one:.0%}" for one in heads_off.on_object(now, at)]
    title, look = f"What the heads of layer {at + 1} look at", Scale("per map")
    note = "" if shares is None else "in %: share of the patch weight on the object"
    figure = mosaic.head_grid(maps, captions=shares, per_row=6, scale=look, title=title, note=note, height=GRID)
    each = shares or [""] * len(maps)
    named = (f"Head {h + 1}{share and f', {share} on the object'}" for h, share in enumerate(each))
    return figure, "\n".join(words.describe(one, name=name, strongest=1) for one, name in zip(maps, named, strict=True))


def atlas(now: Context) -> None:
    """Every head's effect by itself, beside what every head looks at; a click chooses one."""
    if not effects.able(now):
        return
    gain, how = turning.gain(), turning.around()
    found = effects.of_all(now, gain, how)
    if found is None:
        return
    left, right = st.columns(2)
    with left:
        components.kept(now, "trial_effects", partial(_effects, found=found), gain, how, pick=turning.pick)
    with right:
        components.kept(now, "trial_looks", _looks, pick=turning.pick)
    st.caption(_compared(now, found))


def _effects(now: Context, gain: float, how: str, found: list[np.ndarray]) -> tuple[Any, str]:
    most = max(float(np.abs(one).max()) for one in found) or 1.0
    title = f"Fall with one head x {gain:g}"
    look: dict[str, Any] = {"limits": (-most, most), "colormap": theme.DIVERGENT, "chosen": _chosen(now)}
    figure = summary.head_summary(found, "fall", heads_off.unit(now), title=title, height=GRID, **look)
    return figure, words.describe_grid(found, f"{title}: {heads_off.aim(now)}", heads_off.unit(now))


def _looks(now: Context) -> tuple[Any, str]:
    rows, title = now.asking_rows(), "What each head looks at"
    maps = [now.patch_map(one) for one in rows]
    figure = mosaic.atlas(maps, scale=Scale("per map"), chosen=_chosen(now), title=title, height=GRID)
    return figure, words.describe_grid(
        [one.max(axis=-1) for one in rows], f"{title}: largest weight", "share of attention"
    )


def _chosen(now: Context) -> tuple[int, int]:
    return now.chosen.layer, now.chosen.head or 0


def _compared(now: Context, found: list[np.ndarray]) -> str:
    at = _chosen(now)
    said = f"Layer {at[0] + 1}, head {at[1] + 1}: the {heads_off.aim(now)} {_falls(found[at[0]][at[1]])}"
    if now.truth is None:
        return f"{said}. {NO_TRUTH.text}"
    shares = [heads_off.on_object(now, layer) for layer in range(len(found))]
    rank = rank_correlation(np.concatenate(shares), np.concatenate(found))
    return (
        f"{said}, and {shares[at[0]][at[1]]:.0%} of its patch weight is on the object. Rank correlation of both over all "
        f"{sum(map(len, found))} heads: {rank:+.2f}."
    )


def together(now: Context) -> None:
    """Heads turned one at a time, added up, beside all of them at once."""
    if not effects.able(now):
        return
    heads = turning.heads(now)
    if len(heads) < 2:
        st.info("This compares several heads with the sum of each: choose a whole layer, or a set of two or more.")
        return
    components.kept(now, "trial_together", _together, heads, turning.gain(), turning.around())


def _together(now: Context, heads: heads_off.Heads, gain: float, how: str) -> tuple[Any, str, str]:
    single, whole = heads_off.together(now, heads, gain, how)
    total = float(single.sum())
    first = np.argsort(-single, kind="stable")[:SINGLE]
    named = [(f"{heads[n][0] + 1}.{heads[n][1] + 1} alone", float(single[n])) for n in first]
    named = [("all at once", whole), ("sum of single effects", total), *named]
    title = f"{turning.named(now).capitalize()} x {gain:g}"
    names, values = zip(*named, strict=True)
    unit = f"fall of the {heads_off.unit(now)}"
    figure = summary.bars(names, values, unit, chosen=0, title=title, height=400)
    more = whole > total
    meaning = "they stand in for one another" if more else "they undo, or lean on, one another"
    said = (
        f"All at once the {heads_off.aim(now)} falls by {whole:.3g}; one at a time, added up, by {total:.3g}: "
        f"{'more' if more else 'no more'} than the sum, as if {meaning}."
    )
    return figure, said, said


def importance(now: Context) -> None:
    """Every head's mean effect over many scenes, as it was measured."""
    components.kept(now, "trial_measured", _importance, str(st.session_state.get(SHOWN)), pick=turning.pick)


def _importance(now: Context, shown: str) -> tuple[Any, ...]:
    found = precomputed(now.model)
    if found is None:
        return (_unmeasured(now),)
    unit, heads = "mean fall of the raw score (logit)", found.strongest(ZERO, STRONGEST)
    above, under = (int((found.clear(ZERO) & (sign * found.fall[ZERO] > 0)).sum()) for sign in (1, -1))
    said = (
        f"Over {found.count} scenes, zeros in the head's place: for {above} of {found.fall[ZERO].size} heads the 95 % interval is "
        f"above 0, for {under} below. Rank correlation with mean outputs in its place: "
        f"{rank_correlation(found.fall[ZERO], found.fall[MEAN]):+.2f}."
    )
    if shown == ALL:
        most = float(np.abs(found.fall[ZERO]).max())
        look: dict[str, Any] = {"limits": (-most, most), "colormap": theme.DIVERGENT, "chosen": _chosen(now)}
        title = f"Mean fall with one head off, {found.count} scenes"
        return (
            summary.head_summary(found.fall[ZERO], "fall", "raw score (logit)", title=title, height=GRID, **look),
            said,
            said,
        )
    names = [f"{layer + 1}.{head + 1}" for layer, head in heads]
    at = tuple(np.array(heads).T)
    series = {f"{how} in its place": (found.fall[how][at], found.half[how][at]) for how in (ZERO, MEAN)}
    title = f"The {STRONGEST} heads that matter most, {found.count} scenes"
    figure = head_trial.interval_points(names, series, unit, places=heads, title=title, height=440)
    return figure, said, said


def _unmeasured(now: Context) -> str:
    return f"This was measured for scene-vit on scenes, and not for {now.model}. Choose scene-vit in the sidebar."


def removal(now: Context, *_asked: Any) -> tuple[Any, ...]:
    """What is left of the accuracy as heads are removed in order, and in random orders."""
    found = precomputed(now.model)
    if found is None:
        return (_unmeasured(now),)
    curves = {name: 100 * found.accuracy[name] for name in (LEAST, MOST)}
    figure = head_trial.removal_curves(
        found.removed,
        curves,
        {"random order": 100 * found.random},
        "accuracy in %",
        title="What is left of the accuracy",
    )
    half = int(np.searchsorted(found.removed, found.removed[-1] / 2))
    said = (
        f"With {found.removed[half]} of {found.removed[-1]} heads off the accuracy on {found.count} scenes is "
        f"{found.accuracy[LEAST][half]:.0%} weakest first, {found.random[:, half].mean():.0%} in random order (mean of "
        f"{len(found.random)}) and {found.accuracy[MOST][half]:.0%} strongest first; with none off {found.accuracy[LEAST][0]:.0%}."
    )
    return figure, said, f"{said} The order was measured on other scenes."


def below(now: Context) -> None:
    """What can be checked, the code and the files of the trial."""
    components.in_words(words.describe(now.patch_map(), name=controls.map_name(now)))
    trust.card(now, now.patch_map(), now.row(), controls.map_name(now))
    gains = {one: turning.gain() for one in turning.heads(now)}
    components.code(now, CODE.replace("{GAINS}", f"{gains}"), [snippets.command(now, **snippets.FADED)])
    files: dict[str, tuple[str, Callable[..., bytes]]] = {
        "Measured heads (CSV)": ("head-trial.csv", measured_csv),
        "Chosen map (CSV)": ("trial-map.csv", lambda now: components.csv(now.patch_map())),
    }
    components.downloads("trial", files, now=now)


def measured_csv(now: Context) -> bytes:
    """The measured heads, one line each; no line for a model that was not measured."""
    found = precomputed(now.model)
    lines = ["layer,head,fall_zero,half_zero,fall_mean,half_mean"]
    if found is not None:
        for at in np.ndindex(found.fall[ZERO].shape):
            numbers = [f"{one[how][at]:.4f}" for how in (ZERO, MEAN) for one in (found.fall, found.half)]
            lines.append(",".join([str(at[0] + 1), str(at[1] + 1), *numbers]))
    return ("\n".join(lines) + "\n").encode()


def _method(_now: Context) -> None:
    widgets.choice("Map", METHODS, MAP)


def _shown(_now: Context) -> None:
    widgets.choice("Shown", (POINTS, ALL), SHOWN)


WHO = ("layer", "head")
PAGE = lesson.Page(
    "trial",
    {
        "turned": View(turned, WHO, under=turning.controls),
        "maps": View(maps, WHO, _method, turning.controls),
        "one layer": View(components.shown("trial_one_layer", one_layer), ("layer",)),
        "atlas": View(atlas, WHO, under=turning.controls),
        "together": View(together, WHO, under=turning.controls),
        "importance": View(importance, (), under=_shown),
        "removal": View(components.shown("trial_removal", removal), ()),
    },
    below,
    context=turning.context,
)
