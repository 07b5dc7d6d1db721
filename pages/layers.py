"""One query's attention through all layers: an animation, snapshots, and curves of what changes."""

from ui.frame import routing

routing.ensure_router()

from ui.learn import layers
from ui.parts import lesson

lesson.draw(layers.PAGE)
