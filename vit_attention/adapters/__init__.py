"""One short module per model family, all with the same function: load."""
