"""The whole model as blocks to click, before any picture is looked at: shapes, both sublayers, the class token's way, sizes."""

from ui.frame import routing

routing.ensure_router()

from ui.learn import model
from ui.parts import lesson

lesson.draw(model.PAGE)
