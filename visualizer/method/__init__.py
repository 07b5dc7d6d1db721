"""Methods: each turns a record into one map. A method is one file of this folder, and `methods` finds it there."""

from visualizer.method.base import Knob, Map, Method, methods
from visualizer.method.question import Askers, NothingCapturedError, Question, QuestionError, SignalError

__all__ = [
    "Askers",
    "Knob",
    "Map",
    "Method",
    "NothingCapturedError",
    "Question",
    "QuestionError",
    "SignalError",
    "methods",
]
