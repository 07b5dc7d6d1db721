"""One row of attention step by step, with the live numbers of a chosen patch and head, and a toy to do by hand."""

from ui.frame import routing

routing.ensure_router()

from ui.learn import query

query.draw()
