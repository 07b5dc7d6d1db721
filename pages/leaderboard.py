"""How every method of the table fared, model by model: where it points, what the model uses, what it costs."""

from ui.frame import routing

routing.show("ui.judge.leaderboard")
