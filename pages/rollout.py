"""Attention multiplied through all layers, beside one layer alone, and what such a map cannot tell."""

from ui.frame import routing

routing.ensure_router()

from ui.learn import rollout
from ui.parts import lesson

lesson.draw(rollout.PAGE)
