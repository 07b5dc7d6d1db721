"""What a class has learned: collected answers from before and after, paired, counted and tested; `python -m tutorials.study`."""

from tutorials.study.answers import COLUMNS, Answer, read, written
from tutorials.study.changes import Change, by_misconception, changes
from tutorials.study.collected import Collected, collected

__all__ = ["COLUMNS", "Answer", "Change", "Collected", "by_misconception", "changes", "collected", "read", "written"]
