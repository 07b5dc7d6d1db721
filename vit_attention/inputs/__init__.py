"""From what people give to what a model sees: pictures, pages, features of regions."""
