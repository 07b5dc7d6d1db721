"""How often maps over a made-up review point at a word that decides it: as measured, and counted anew on request."""

import streamlit as st

from tutorials.claims.counting import wilson
from tutorials.claims.fresh import COUNT, FIRST
from tutorials.findings import deciding
from tutorials.findings.context import Context
from ui.parts import claims, components
from ui.store import resources
from vit_attention import registry

# Ways to look for the deciding words, as `deciding.maps_of` and the model's card name them, and in words.
WAYS = {
    "class token, layer 4, head mean": "class token, last layer",
    "class token, head of least entropy": "class token, head of least entropy",
    "attention received, last layer": "attention received, last layer",
    "rollout": "rollout",
    "attention flow": "attention flow",
    "gradient-rollout": "gradient rollout",
    "relevance": "relevance",
    "masking": "masking",
    "any word": "a random word",
    "longest word": "the longest word",
    "last word": "the last word",
    "last polar word": "the last word of praise or blame",
}
COUNTED = "_sentence_counted"


def finders(now: Context) -> None:
    """How often the strongest word of every map is one that decides: on 500 reviews as measured, and on 50 fresh ones on request."""
    known = registry.card(resources.READER).measured["maps"]
    wanted = st.session_state.get(COUNTED) or st.button(f"Count on {COUNT} fresh reviews", key="sentence_count")
    columns: dict[str, list[str]] = {"strongest word of": list(WAYS.values())}
    columns["500 reviews"] = [_share(known[name]["all"]) if name in known else "not counted" for name in WAYS]
    if wanted:
        st.session_state[COUNTED] = True
        found = resources.once(("finders",), _counted)
        columns[f"{COUNT} fresh reviews"] = [found[name] for name in WAYS]
    components.table(columns)
    st.caption(
        f"Share of reviews on which {resources.READER}'s strongest word decides, with Wilson's 95 % interval; reviews of "
        "templates that training never saw. Methods that need a class ask for the verdict."
    )


def _share(one: dict[str, float]) -> str:
    ends = f" ({100 * one['low']:.1f} to {100 * one['high']:.1f})" if "low" in one else ""
    return f"{100 * one['hits']:.1f} %{ends}"


def _counted() -> dict[str, str]:
    """Hits on fresh reviews, one at a time under a bar, as text."""
    bar, hits = st.progress(0.0, "Reading fresh reviews ..."), []
    try:
        for n in range(COUNT):
            hits.append(claims.once(deciding.hits_of, resources.READER, None, FIRST + n))
            bar.progress((n + 1) / COUNT, f"{n + 1} of {COUNT}")
    finally:
        bar.empty()
    found = {}
    for name in WAYS:
        values = [one[name] for one in hits]
        low, high = wilson(round(sum(values)), COUNT)
        ends = {"low": low, "high": high} if set(values) <= {0.0, 1.0} else {}
        found[name] = _share({"hits": sum(values) / COUNT, **ends})
    return found
