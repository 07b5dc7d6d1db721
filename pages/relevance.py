"""From the weights of attention to maps that answer for a class, each for two classes side by side."""

from ui.frame import routing

routing.show("ui.judge.relevance")
