"""One query's attention through all layers: an animation, snapshots, and curves of what changes."""

from ui import routing

routing.ensure_router()

from ui import layers_view

layers_view.draw()
