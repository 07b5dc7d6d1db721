"""What patches hold after a layer: similarity to a clicked one, principal components as colours, and heads that see parts."""

from ui.frame import routing

routing.ensure_router()

from ui.learn import features
from ui.parts import lesson

lesson.draw(features.PAGE)
