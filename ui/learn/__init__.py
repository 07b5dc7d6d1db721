"""The wing of lessons on pictures, a file for each page."""
