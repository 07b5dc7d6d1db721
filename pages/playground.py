"""Any model, any picture, any query, any method: one map, how it is drawn, and everything to take home."""

from ui.frame import routing

routing.ensure_router()

from ui.explore import playground

playground.draw()
