"""One value of attention flow and its narrowest cut, in a sentence with numbers."""

from collections.abc import Sequence

from visualizer.measures.flow import Flow
from visualizer.style.theme import FIRST, short


def describe_flow(found: Flow, query: int, target: int, names: Sequence[str]) -> str:
    """How much can flow between two tokens, and the pipes that hold back the rest.

    Args:
        found: from `visualizer.largest_flow`.
        query, target: numbers of the tokens, 0 first.
        names: of the tokens.

    >>> from visualizer import largest_flow
    >>> found = largest_flow([[[[0.5, 0.5], [0.0, 1.0]]]], 0, 1, residual=0.0)
    >>> describe_flow(found, 0, 1, ("class token", "patch 1"))
    'From class token to patch 1 at most 0.5 can flow. The narrowest cut: layer 1, class token to patch 1 (0.5).'
    """
    said = [f"layer {n + FIRST}, {names[q]} to {names[k]} ({short(capacity)})" for n, q, k, capacity in found.cut]
    held = f" The narrowest cut: {'; '.join(said)}." if said else " No pipe leads there."
    return f"From {names[query]} to {names[target]} at most {short(found.value)} can flow.{held}"
