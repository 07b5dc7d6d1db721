"""The tables of a class together: damaged ones named, the same visit counted once, each student's answers in one place."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tutorials.study.answers import Answer, read
from vit_attention.gate import LIMITS, GateError
from vit_attention.gate.refusal import one_line


@dataclass(frozen=True)
class Collected:
    """What a class brought.

    Attributes:
        students: one for each student, the answers by time; files of one seat are one student.
        visits: names of the files that count.
        repeated: names of files all of whose answers are in another file, each with that file's name.
        damaged: names of files that cannot be used, each with the reason.
    """

    students: dict[str, tuple[Answer, ...]]
    visits: tuple[str, ...]
    repeated: dict[str, str]
    damaged: dict[str, str]

    @property
    def reasons(self) -> list[Answer]:
        """Every answer with a reason in the student's words, by lesson, question and time."""
        told = [one for answers in self.students.values() for one in answers if one.why.strip()]
        return sorted(told, key=lambda one: (one.lesson, one.question, one.time))


def collected(files: Iterable[tuple[str, bytes]]) -> Collected:
    """What these files of one class have.

    Args:
        files: name and bytes of each; a name that comes twice is numbered.

    Raises:
        GateError: more files than `LIMITS` lets in.
    """
    read_, damaged, names = dict[str, tuple[Answer, ...]](), dict[str, str](), Counter[str]()
    for at, (given, data) in enumerate(files, start=1):
        LIMITS["answers files"].check(at, "class", advice="Read a larger class in parts.")
        names[given] += 1
        name = given if names[given] == 1 else f"{given} ({names[given]})"
        try:
            read_[name] = read(data, given)
            if not read_[name]:
                raise GateError(given, "at least one answer", "none")
        except GateError as error:
            read_.pop(name, None)
            damaged[name] = str(error).removeprefix(f"{one_line(given)}: ")
    repeated = _repeated(read_)
    kept = {name: answers for name, answers in read_.items() if name not in repeated}
    return Collected(_students(kept), tuple(kept), repeated, damaged)


def _repeated(visits: dict[str, tuple[Answer, ...]]) -> dict[str, str]:
    """Files that add nothing: a download of a visit that went on, or the same one twice."""
    sets = {name: frozenset(answers) for name, answers in visits.items()}
    holders: dict[
        Answer, list[str]
    ] = {}  # an answer's files, the largest first, so that 500 files are not compared in pairs
    for name in sorted(sets, key=lambda one: -len(sets[one])):
        for answer in sets[name]:
            holders.setdefault(answer, []).append(name)
    found: dict[str, str] = {}
    for name, answers in sets.items():
        among = [one for one in holders[visits[name][0]] if one != name and one not in found]
        if inside := next((one for one in among if answers <= sets[one]), None):
            found[name] = inside
    return found


def _students(visits: dict[str, tuple[Answer, ...]]) -> dict[str, tuple[Answer, ...]]:
    found: dict[str, list[Answer]] = {}
    for name, answers in visits.items():
        for one in answers:
            found.setdefault(f"seat {one.student}" if one.student else name, []).append(one)
    return {name: tuple(sorted(answers, key=lambda one: one.time)) for name, answers in found.items()}
