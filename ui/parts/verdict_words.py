"""A verdict for people, in three lines: what was tested, what came out, and what that means."""

from tutorials.claims.verdict import CLEAR, FEWEST, Verdict
from ui.frame import texts


def lines(verdict: Verdict) -> str:
    """The three lines, as a list in Markdown."""
    if not verdict.tested:
        return texts.say("verdict_untested", many=verdict.untestable, things=verdict.things, why=verdict.text).strip()
    told = {"verdict_asked": _asked(verdict), "verdict_found": _found(verdict), "verdict_means": _means(verdict)}
    return "\n".join(f"- {texts.say(name, text=text)}" for name, text in told.items())


def _asked(verdict: Verdict) -> str:
    more = f"; {verdict.untestable} more cannot be tested" if verdict.untestable else ""
    beside = " Beside them, controls that know nothing." if verdict.controls else ""
    return f"does it hold on each of {verdict.tested} {verdict.things}{more}?{beside}"


def _found(verdict: Verdict) -> str:
    sure = (
        f", 95 % interval {_percent(verdict.interval[0])} to {_percent(verdict.interval[1])}" if verdict.enough else ""
    )
    parts = [f"it holds on {verdict.held} of {verdict.tested} ({_percent(verdict.held / verdict.tested)}{sure})."]
    if verdict.controls:
        parts.append("Controls: " + ", ".join(f"{name} {held} of {of}" for name, held, of in verdict.controls) + ".")
    return " ".join(parts)


def _means(verdict: Verdict) -> str:
    if not verdict.enough:
        return f"no verdict, which takes {FEWEST} {verdict.things}."
    low, high = verdict.interval
    mostly = (
        "it fails on most."
        if high < 0.5
        else "it holds on most."
        if low > 0.5
        else "it holds on some and fails on others."
    )
    return f"{mostly} {_compared(verdict)}".strip()


def _compared(verdict: Verdict) -> str:
    """How it stands to the control for which the claim holds most often."""
    if verdict.p is None or verdict.best is None:
        return ""
    which = "same" if verdict.p >= CLEAR else "better" if verdict.wins > verdict.losses else "worse"
    family = f", Holm over {verdict.of} claims" if verdict.of > 1 else ""
    size = "p < 0.001" if verdict.p < 0.001 else f"p = {verdict.p:.2g}"
    return texts.say(f"verdict_{which}", best=verdict.best[0], p=f"{size}, exact paired sign test{family}")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
