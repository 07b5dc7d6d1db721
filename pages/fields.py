"""Sub-words gathered to words and words to fields: where on the page each value of the JSON was read."""

from ui.frame import routing

routing.ensure_router()

from ui.parts import lesson
from ui.read import fields

lesson.draw(fields.PAGE)
