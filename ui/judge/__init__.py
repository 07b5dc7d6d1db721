"""The wing of lessons that ask whether a map may be believed."""
