"""Start here: what this is, where to begin, what the bundled model can and cannot see. Imports no torch."""

from ui import routing

routing.ensure_router()

from ui import start

start.draw()
