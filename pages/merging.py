"""How cells of an encoder merge, what place alone adds, and what can have reached a cell."""

from ui.frame import routing

routing.ensure_router()

from ui.parts import lesson
from ui.read import merging

lesson.draw(merging.PAGE)
