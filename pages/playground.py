"""Any model, any picture, any query, any method: one map, how it is drawn, and everything to take home."""

from ui.frame import routing

routing.show("ui.explore.playground")
