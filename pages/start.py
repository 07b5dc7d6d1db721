"""Start here: what this is, where to begin, what the bundled model can and cannot see. Imports no torch."""

from ui.frame import routing

routing.show("ui.explore.start")
