"""All heads of a layer, all heads of the model, and how far, how alike and how good they are."""

from ui import routing

routing.ensure_router()

from ui import heads_view

heads_view.draw()
