"""Claims to test: here, which is an anecdote, and on many pictures, beside controls that know nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from tutorials.claims import Verdict, defaults, holm, is_default, on_many_at_once, precomputed, thousands
from tutorials.findings import Context, finding
from tutorials.findings.controls import kind
from tutorials.lessons import Claim, lessons
from ui.frame import state, texts
from ui.parts import verdict_words, visit
from ui.store import resources
from worlds.photographs import photographs

TOLD = "_claims_told"
"""Session key: (claim's finding, what it was tested on) to what was said."""
HERE, MANY = "here", "many"
FRESH = 50
"""Fresh scenes or pages that a claim is tested on."""
ALL_ROWS = ("patches.", "query.")
"""Findings about all rows of a head, whichever token is the query."""
ALL_HEADS = ("trial.",)
"""Findings about all heads of a layer, whichever of them is turned."""


def draw(lesson: str, claim: Claim, now: Any, number: int = 0) -> None:
    """A claim, what is done to test it, and its buttons; `number` tells those of several claims apart."""
    told = st.session_state.setdefault(TOLD, {})
    more, name = f" ({number})" if number else "", claim.finding
    shows = kind(finding(name)) == "demonstration"
    with st.container(border=True):
        st.markdown(texts.say("demonstration" if shows else "claim", text=claim.text))
        st.caption(claim.test)
        with st.container(horizontal=True):
            if st.button(texts.say("show_here" if shows else "test_here") + more, key=f"here_{name}"):
                told[name, HERE, now.view] = finding(name)(now).text
                _note(lesson, name, now, number, HERE, told[name, HERE, now.view])
            if not shows and st.button(texts.say("test_many", many=_many(now)) + more, key=f"many_{name}"):
                found = verdicts(lesson, _settled(name, now))[name]
                told[name, MANY, _view(_settled(name, now))] = verdict_words.lines(found)
                _note(lesson, name, now, number, MANY, found.words)
        for which, view in ((HERE, now.view), (MANY, _view(_settled(name, now)))):
            if said := told.get((name, which, view)):
                things = "texts" if getattr(now, "of_text", False) else "pictures"
                st.info(texts.say(f"one_{things[:-1]}" if which == HERE else f"many_{things}", text=said))
                if which == MANY and (more := at_large(lesson, name, _settled(name, now))):
                    st.info(texts.say(f"thousands_of_{things}", text=more))


def at_large(lesson: str, name: str, now: Any) -> str:
    """What thousands of pictures say to a claim, from the file; "" for another view than the default one, or if none were run."""
    if not is_default(name.partition(".")[0], now):
        return ""
    known = {one.finding: thousands(one.finding, now.model) for one in lessons()[lesson].claims}
    found = holm({one: verdict for one, verdict in known.items() if verdict is not None}).get(name)
    return verdict_words.lines(found) if found is not None else ""


def _note(lesson: str, name: str, now: Any, number: int, where: str, said: str) -> None:
    step = number or int(st.session_state[state.STEP])
    visit.note(now, lesson, step, "claim", name, [where], (now.view, where), solution=said, tries="")


def _settled(name: str, now: Any) -> Any:
    """The context with what the claim does not depend on as it is at first: the patch that was clicked last does not matter
    while the class token is the query, nor the head of a claim about all of them."""
    if not isinstance(now, Context) or not (name.startswith(ALL_ROWS) or now.asking == [0]):
        return now
    usual = defaults.chosen(name.partition(".")[0])
    head = usual.head if name.startswith(ALL_HEADS) else now.chosen.head
    if now.of_text:  # which has neither rows nor columns of patches
        usual = replace(usual, row=now.chosen.row, column=now.chosen.column)
    return replace(now, chosen=replace(usual, layer=now.chosen.layer, head=head))


def _many(now: Any) -> int:
    """How many pictures there are to test on."""
    picture = getattr(now, "picture", None)
    if picture is None or not picture.is_photograph:
        return FRESH
    return sum(bool(one.outlines) for one in photographs().values())


def _view(now: Any) -> tuple[str, ...]:
    """What is kept from picture to picture: the model, and what is asked of it."""
    names = ("model", "chosen", "layer", "head", "stage", "block", "place", "beams")
    drawn = str(getattr(getattr(now, "picture", None), "is_photograph", ""))
    return (drawn, *(str(getattr(now, name, "")) for name in names))


def verdicts(lesson: str, now: Any) -> dict[str, Verdict]:
    """The verdicts of a lesson's claims by name, p values adjusted together: from the file for the default view, else run now."""
    names = [one.finding for one in lessons()[lesson].claims if kind(finding(one.finding)) != "demonstration"]
    if names and is_default(names[0].partition(".")[0], now):
        known = {name: found for name in names if (found := precomputed(name, now.model)) is not None}
        if len(known) == len(names):
            return holm(known)
    return resources.once(("claims", lesson, _view(now)), lambda: holm(_run(names, now)))


def _run(names: list[str], now: Any) -> dict[str, Verdict]:
    bar = st.progress(0.0, texts.say("testing"))
    try:
        return on_many_at_once(names, now, lambda done, many: bar.progress(done / many, f"{done} of {many}"), once)
    finally:
        bar.empty()


def once(work: Callable[..., Any], model: str, picture: Any, *args: Any, **given: Any) -> Any:
    """Runs a work and keeps nothing: fifty fresh pictures would push out what others look at."""
    loaded = resources.model(model)
    with resources.running:
        return work(loaded, picture, *args, **given)
