"""The words that documents are written with: small on purpose, so that a small model can learn to read all of them."""

GOODS = (
    "apple",
    "bagel",
    "banana",
    "bread",
    "butter",
    "cake",
    "candle",
    "carrot",
    "cheese",
    "cocoa",
    "coffee",
    "cookie",
    "crepe",
    "egg",
    "espresso",
    "flour",
    "grape",
    "honey",
    "jam",
    "juice",
    "latte",
    "lemon",
    "lentil",
    "mango",
    "melon",
    "milk",
    "mocha",
    "muffin",
    "noodle",
    "oat",
    "olive",
    "onion",
    "orange",
    "pasta",
    "peach",
    "pear",
    "pepper",
    "pizza",
    "plum",
    "potato",
    "pretzel",
    "rice",
    "salad",
    "salt",
    "scone",
    "soda",
    "soup",
    "sugar",
    "tea",
    "toast",
    "tomato",
    "waffle",
    "water",
    "yogurt",
)
"""What is sold."""

KINDS = (
    "big",
    "cold",
    "dark",
    "dried",
    "fresh",
    "green",
    "hot",
    "iced",
    "large",
    "mini",
    "red",
    "ripe",
    "small",
    "sweet",
)
"""What may stand before it."""

SHOPS = (
    "corner",
    "daily",
    "garden",
    "harbor",
    "hill",
    "lucky",
    "market",
    "maple",
    "moon",
    "north",
    "river",
    "sunny",
)
SHOP_KINDS = ("bakery", "cafe", "diner", "deli", "grocer", "kiosk", "shop", "store")
"""A shop is called by one of `SHOPS` and one of `SHOP_KINDS`."""

FIRST_NAMES = ("ada", "alan", "clara", "emil", "grace", "hugo", "ida", "leo", "mira", "nora", "otto", "rosa")
LAST_NAMES = ("adler", "berg", "costa", "diaz", "evans", "fox", "kim", "lopez", "novak", "rossi", "silva", "weber")
CITIES = ("accra", "bern", "cairo", "delhi", "lima", "oslo", "paris", "quito", "rome", "tokyo")
"""What forms are filled in with."""

CLOSINGS = ("thank you", "see you soon", "vat included", "come again")
"""Printed at the foot of some receipts and in no field: a reader has to leave them out."""
