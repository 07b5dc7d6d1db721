"""A picture becomes tokens: patches, their pixels, the linear embedding, positions, and what tokens come to know."""

from ui import routing

routing.ensure_router()

from ui import patches_view

patches_view.draw()
