"""What the regions of a picture read from one another before a captioning network says a word."""

from ui.frame import routing

routing.ensure_router()

from ui.parts import lesson
from ui.read import refiner

lesson.draw(refiner.PAGE)
