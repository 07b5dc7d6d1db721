"""The lessons: text with front matter, and the one module that reads and checks them."""
