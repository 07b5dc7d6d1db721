"""Labels on the patches of a picture: which words a dual encoder finds where."""

from ui.frame import routing

routing.ensure_router()

from ui.parts import lesson
from ui.read import asking

lesson.draw(asking.PAGE)
