"""Attention multiplied through all layers, beside one layer alone, and what such a map cannot tell."""

from ui import routing

routing.ensure_router()

from ui import rollout_view

rollout_view.draw()
