"""How spread out attention is, in every head and layer, and what low entropy does and does not mean."""

from ui import routing

routing.ensure_router()

from ui import entropy_view

entropy_view.draw()
