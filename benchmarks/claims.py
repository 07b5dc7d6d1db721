"""`python -m benchmarks.claims`: every claim of every lesson on many fresh pictures, in the default views.

Writes tutorials/claims/precomputed.json. Only what is stale is run again: a claim whose finding, model or way of running has
changed. A claim whose sentences alone have changed keeps its numbers. ``--all`` runs everything.
"""

import argparse
import json
import time
from typing import Any

from tutorials.claims import holm, on_many_at_once
from tutorials.claims.defaults import default, models
from tutorials.claims.many import once_loaded
from tutorials.claims.precomputed import FILE, kept_of, known, loaded, made_from, said
from tutorials.findings import finding
from tutorials.findings.controls import groups, kind
from tutorials.lessons import lessons


def claims(page: str) -> list[str]:
    """Names of the findings that a lesson's claims are tested by, without demonstrations."""
    names = [claim.finding for claim in lessons()[page].claims]
    return [name for name in names if kind(finding(name)) == "claim"]


def subject(page: str) -> str:
    """What a lesson's claims are about, by the module of their findings: two lessons may share one."""
    return next((name.partition(".")[0] for name in claims(page)), page)


def page_of(names: list[str], page: str, model: str) -> dict[str, Any]:
    """The verdicts of a page under one of its models, as they are kept."""
    run = once_loaded()
    found = on_many_at_once(names, default(subject(page), model, run), None, run)
    return {
        name: {"verdict": kept_of(one), "made_from": made_from(name, model), "said": said(name)}
        for name, one in found.items()
    }


def report(kept: dict[str, dict[str, Any]]) -> list[str]:
    """One line a claim, p values adjusted over the claims of its lesson."""
    lines = []
    for model, of_model in kept.items():
        for page in dict.fromkeys(name.partition(".")[0] for name in of_model):
            own = {name: loaded(one["verdict"]) for name, one in of_model.items() if name.startswith(f"{page}.")}
            lines += [f"{model}: {name} {one.words}" for name, one in holm(own).items()]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="also what is not stale")
    parser.add_argument("--pages", nargs="*", help="these lessons alone")
    args = parser.parse_args()
    listed = {
        model: [n for page in lessons() if model in models(subject(page)) for n in claims(page)] for model in known()
    }
    kept = {model: {n: one for n, one in known()[model].items() if n in names} for model, names in listed.items()}
    # What reads groups of pages comes last: it takes longest, and what is written by then stays if it is interrupted.
    for grouped in (False, True):
        for page in args.pages or lessons():
            for model in models(subject(page)):
                refresh(page, model, grouped, args.all, kept)
    print("\n".join(report(kept)))


def refresh(page: str, model: str, grouped: bool, everything: bool, kept: dict[str, dict[str, Any]]) -> None:
    """Runs what is stale of a page, puts it into `kept`, and writes the file."""
    names, old = [n for n in claims(page) if bool(groups(finding(n))) is grouped], known().get(model, {})
    stale = [n for n in names if everything or n not in old or old[n]["made_from"] != made_from(n, model)]
    started = time.perf_counter()
    new = page_of(stale, page, model) if stale else {}
    for name in names:
        if name in new or name in old:
            kept.setdefault(model, {})[name] = new.get(name) or {**old[name], "said": said(name)}
    if names:
        print(f"{page}, {model}: {len(stale)} claims run in {time.perf_counter() - started:.0f} s", flush=True)
    FILE.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
