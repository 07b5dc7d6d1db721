"""What the decoder of a document reader looked at to write each token, on the page itself."""

from ui.frame import routing

routing.ensure_router()

from ui.parts import lesson
from ui.read import reading_view

lesson.draw(reading_view.PAGE)
