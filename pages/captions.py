"""Where a captioning network looked for every word it said, and how far its gates were open."""

from ui.frame import routing

routing.ensure_router()

from ui.parts import lesson
from ui.read import captions_view

lesson.draw(captions_view.PAGE)
