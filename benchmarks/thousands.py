"""`python -m benchmarks.thousands`: every claim of every lesson on thousands of fresh pictures, in the default views.

Writes tutorials/claims/thousands.json, beside which the app puts a visitor's own 50. What was said of a picture is kept in a file
for each page, so that a run that is stopped goes on where it was, and more pictures are added to those that were run. The pages
of a model look at one picture together, so that the network runs once for all of them. Pages of photographs have no more than the
sample photographs, and claims about groups of pages are left out: `benchmarks.claims` has both.
"""

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.claims import claims, subject
from tutorials.claims import fresh, judged, many
from tutorials.claims.defaults import default, models
from tutorials.claims.precomputed import kept_of, made_from
from tutorials.claims.thousands import FILE, known
from tutorials.claims.verdict import PHOTOGRAPHS
from tutorials.findings import finding
from tutorials.findings.context import Run
from tutorials.findings.controls import groups
from tutorials.lessons import lessons

ANSWERS = Path("runs/thousands")
"""Where the answers picture by picture are kept meanwhile."""


def looks(now: Any, count: int) -> tuple[str, list[fresh.Look]]:
    """What the pictures are, and one function for each that looks at it; the first 50 are those of a visitor's own test."""
    # `fresh` counts by a constant, since the precomputed verdicts are bound to every letter of that file.
    before, fresh.COUNT = fresh.COUNT, count
    try:
        return fresh.fresh(now)
    finally:
        fresh.COUNT = before


class Page:
    """The claims of one lesson under one model, and what was said so far.

    Args:
        name: of the lesson.
        model: of the default view.
        count: how many pictures.
        run: runs the model.
        folder: where the answers are kept.
    """

    def __init__(self, name: str, model: str, count: int, run: Run, folder: Path) -> None:
        self.name, self.model, self.spent, self.ran = name, model, 0.0, 0
        self.asked = {one: finding(one) for one in claims(name) if not groups(finding(one))}
        self.made_from = {one: made_from(one, model) for one in self.asked}
        self.things, self.looks = looks(default(subject(name), model, run), count)
        digest = hashlib.sha256(" ".join(self.made_from.values()).encode()).hexdigest()[:8]
        self.file = folder / f"{model}-{name}-{digest}.jsonl"
        self.done = len(self.said())

    def said(self) -> list[dict[str, dict[str, bool | None]]]:
        """The answers picture by picture; a last line that was not finished is cut off."""
        if not self.file.exists():
            return []
        whole, _, rest = self.file.read_bytes().rpartition(b"\n")
        if rest:
            self.file.write_bytes(whole + b"\n" * bool(whole))
        return [json.loads(line) for line in whole.splitlines()]

    def ask(self, at: int, runs: dict[str, Run]) -> None:
        """What each claim says about a picture, for the model and its controls, added to the file."""
        began = time.perf_counter()
        found = many.on_one(self.asked, {of: self.looks[at](one) for of, one in runs.items()}, {})
        with self.file.open("ab") as out:
            out.write(json.dumps(found).encode() + b"\n")
        self.done, self.ran, self.spent = at + 1, self.ran + 1, self.spent + time.perf_counter() - began

    def verdicts(self) -> dict[str, Any]:
        """The verdicts on what was asked so far, as they are kept."""
        found, out = self.said()[: len(self.looks)], {}
        for name in self.asked if found else ():
            answers = {
                of: [one[name].get(of) for one in found]
                for of in dict.fromkeys(of for one in found for of in one[name])
            }
            verdict = judged(answers.pop(many.OWN), answers, "", self.things)
            out[name] = {"verdict": kept_of(verdict), "made_from": self.made_from[name]}
        return out


def keeping(run: Run) -> tuple[Run, Callable[[], None]]:
    """The run, which keeps what it gave of one picture for all pages, and what makes it forget the picture."""
    kept: dict[tuple[Any, ...], Any] = {}

    def again(work: Callable[..., Any], model: str, picture: Any, *args: Any, **given: Any) -> Any:
        key = (work, model, picture and picture.key, *args)
        if picture is None or any(isinstance(one, (list, dict, np.ndarray)) for one in args):
            return run(work, model, picture, *args, **given)
        if key not in kept:
            kept[key] = run(work, model, picture, *args, **given)
        return kept[key]

    return again, kept.clear


def run_all(pages: list[Page], runs: dict[str, Run], forget: Callable[[], None], slowest: float) -> Iterator[int]:
    """Asks every page about every picture that is missing; gives the number of each picture. `slowest` seconds a picture are allowed."""
    for at in range(max((len(page.looks) for page in pages), default=0)):
        for page in pages:
            if page.done == at < len(page.looks) and not (page.ran > 1 and page.spent > slowest * page.ran):
                page.ask(at, runs)
        forget()
        yield at


def save(pages: list[Page]) -> None:
    """Puts the verdicts of these pages into the file; those of others stay, unless no lesson has the claim any more.

    A page that was given up on no more pictures than a visitor tests adds nothing.
    """
    kept = {model: dict(of_model) for model, of_model in known().items()}
    for page in (one for one in pages if one.done > fresh.COUNT):
        kept.setdefault(page.model, {}).update(page.verdicts())
    listed = {one for name in lessons() for one in claims(name)}
    kept = {model: {n: one for n, one in of_model.items() if n in listed} for model, of_model in kept.items()}
    FILE.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5000, help="pictures for each claim (default 5000)")
    known_models = dict.fromkeys(one for page in lessons() for one in models(subject(page)))
    parser.add_argument("--models", nargs="*", choices=[*known_models], help="these models alone")
    parser.add_argument("--pages", nargs="*", choices=[*lessons()], metavar="LESSON", help="these lessons alone")
    parser.add_argument("--seconds", type=float, default=1e9, help="give up a page that takes longer for a picture")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so long and keep what there is")
    parser.add_argument("--answers", type=Path, default=ANSWERS, help=f"folder of the answers (default {ANSWERS})")
    args = parser.parse_args()
    args.answers.mkdir(parents=True, exist_ok=True)
    ends = time.monotonic() + 60 * args.minutes
    for model in known_models:
        if args.models is None or model in args.models:
            _of_model(model, args, ends)


def _of_model(model: str, args: argparse.Namespace, ends: float) -> None:
    run, forget = keeping(many.once_loaded())
    # Of the module's own: the same untrained copy and the same tables as for a visitor's 50.
    runs = many._runs(model, many._keeping_tables(run))
    names = [name for name in args.pages or lessons() if model in models(subject(name)) and claims(name)]
    pages = [Page(name, model, args.count, run, args.answers) for name in names]
    pages = [page for page in pages if page.things != PHOTOGRAPHS and page.asked]
    try:
        for at in run_all(pages, runs, forget, args.seconds):
            if at % 100 == 99:
                print(f"{model}: {at + 1} pictures", flush=True)
            if time.monotonic() > ends:
                break
    finally:
        save(pages)
        for page in pages:
            print(f"{model}, {page.name}: {page.done} pictures, {page.spent / max(page.ran, 1):.3f} s each", flush=True)


if __name__ == "__main__":
    main()
