"""What the tokens of a sentence look at, what changes the verdict on it, and whether attention finds the words that decide."""

from ui.frame import routing

routing.ensure_router()

from ui.parts import lesson
from ui.read import sentence

lesson.draw(sentence.PAGE)
