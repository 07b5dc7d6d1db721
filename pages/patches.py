"""A picture becomes tokens: patches, their pixels, the linear embedding, positions, and what tokens come to know."""

from ui.frame import routing

routing.show("ui.learn.patches")
