"""Every head of a model over thousands of pictures: how a measure is distributed, and on which pictures it is extreme."""

from ui.frame import routing

routing.show("ui.explore.atlas")
