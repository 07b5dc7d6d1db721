"""Pages that ask whether a map may be believed."""
