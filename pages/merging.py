"""How cells of an encoder merge, what place alone adds, and what can have reached a cell."""

from ui.frame import routing

routing.show("ui.read.merging")
