"""One row of attention step by step, from a query to what attention adds, and a toy to do by hand."""

from ui.frame import routing

routing.show("ui.learn.query")
