"""Two models, pictures, heads or methods side by side on one scale, with their difference and how similar they are."""

from ui.frame import routing

routing.show("ui.explore.compare")
