"""Labels on the patches of a picture: which words a dual encoder finds where."""

from ui.frame import routing

routing.show("ui.read.asking")
