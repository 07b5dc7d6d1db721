"""The wing of lessons that ask whether a map may be believed, a file or a few for each page."""
