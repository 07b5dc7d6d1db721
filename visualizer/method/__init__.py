"""Methods: each turns a record into one map. A method is one file of this folder, and `methods` finds it there.

Folders that the environment variable SIGHTLINES_METHODS names, separated as in PATH, count as parts of this one.
"""

import os

from visualizer.method.base import Knob, Map, Method, methods, of_any_picture
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
    "of_any_picture",
]

__path__ += [folder for folder in os.environ.get("SIGHTLINES_METHODS", "").split(os.pathsep) if folder]
