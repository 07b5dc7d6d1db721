"""How spread out attention is, in every head and layer, and what low entropy does and does not mean."""

from ui.frame import routing

routing.ensure_router()

from ui.learn import entropy
from ui.parts import lesson

lesson.draw(entropy.PAGE)
