"""A picture becomes tokens: patches, their pixels, the linear embedding, positions, and what tokens come to know."""

from ui.frame import routing

routing.ensure_router()

from ui.learn import patches
from ui.parts import lesson

lesson.draw(patches.PAGE)
