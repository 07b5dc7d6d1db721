"""Inside the encoder: windows and shifted windows on the page, and what one cell reads in them."""

from ui.frame import routing

routing.ensure_router()

from ui.parts import lesson
from ui.read import swin_view

lesson.draw(swin_view.PAGE)
