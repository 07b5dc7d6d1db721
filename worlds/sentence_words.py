"""The words that reviews are written with: what is judged, by which words, and what else is said."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Things that are judged by the same words.

    Attributes:
        one: singular nouns.
        many: plural nouns.
        seems: the verb of an impression, past and base form.
        mild: (positive, negative) pairs that any negator may stand before.
        strong: pairs too strong for a plain "not": "not awful" praises nothing.
        people: whether a relative clause says "whom".
    """

    one: tuple[str, ...]
    many: tuple[str, ...]
    seems: tuple[str, str]
    mild: tuple[tuple[str, str], ...]
    strong: tuple[tuple[str, str], ...]
    people: bool = False


_GOOD = (("good", "bad"), ("decent", "poor"))
_NICE = (*_GOOD, ("nice", "nasty"), ("pleasant", "unpleasant"))
_GREAT = (("great", "terrible"), ("excellent", "awful"), ("fantastic", "appalling"))
_LOVELY = (*_GREAT, ("wonderful", "horrible"), ("lovely", "dreadful"), ("superb", "atrocious"))
_FOOD = (("tasty", "bland"), *_NICE)

GROUPS = (
    Group(
        ("soup", "curry", "pasta", "pizza", "fish", "breakfast", "lunch", "dinner"),
        ("noodles", "potatoes", "pancakes", "vegetables"),
        ("tasted", "taste"),
        _FOOD,
        (("delicious", "disgusting"), *_LOVELY),
    ),
    Group(
        ("bread", "cake", "pie"),
        ("rolls", "biscuits", "pastries"),
        ("tasted", "taste"),
        (("fresh", "stale"), *_FOOD),
        (("delicious", "disgusting"), *_LOVELY),
    ),
    Group(
        ("waiter", "waitress", "owner", "manager", "cook", "receptionist"),
        ("waiters", "owners", "cooks", "cleaners"),
        ("seemed", "seem"),
        (("friendly", "rude"), ("helpful", "unhelpful"), ("polite", "impolite"), ("patient", "impatient"), *_NICE[2:]),
        _LOVELY,
        people=True,
    ),
    Group(
        ("service", "room service", "delivery"),
        (),
        ("seemed", "seem"),
        (("fast", "slow"), ("attentive", "careless"), ("reliable", "unreliable"), *_GOOD),
        _LOVELY,
    ),
    Group(
        ("room", "bathroom", "terrace", "garden", "lobby", "dining room"),
        ("rooms", "bathrooms", "tables", "balconies"),
        ("looked", "look"),
        (("clean", "dirty"), ("tidy", "messy"), ("cosy", "shabby"), ("bright", "gloomy"), *_NICE),
        (("spotless", "filthy"), *_LOVELY),
    ),
    Group(
        ("bed", "sofa", "chair"),
        ("beds", "chairs", "seats"),
        ("felt", "feel"),
        (("comfortable", "uncomfortable"), ("clean", "dirty"), *_GOOD),
        _GREAT,
    ),
    Group(
        ("price", "bill"),
        ("prices", "fees"),
        ("seemed", "seem"),
        (("fair", "unfair"), ("reasonable", "unreasonable"), *_GOOD[:1]),
        _GREAT,
    ),
    Group(
        ("music", "band", "singer", "pianist"),
        ("songs", "musicians"),
        ("sounded", "sound"),
        (("cheerful", "dreary"), ("lively", "dull"), *_GOOD),
        _LOVELY,
    ),
    Group(
        ("evening", "stay", "weekend", "party", "tour"),
        (),
        ("felt", "feel"),
        (("relaxing", "stressful"), ("memorable", "forgettable"), *_NICE),
        _LOVELY,
    ),
)

MILD_NOUNS = (("delight", "disappointment"), ("success", "failure"))
NOUNS = (*MILD_NOUNS, ("pleasure", "nightmare"), ("joy", "disaster"))
"""What a thing may be called: "a delight" or "a disappointment"."""
LIKED, LIKE = ("liked", "disliked"), ("like", "dislike")
LOVED = ("loved", "hated")
HOPED = ("hoped", "feared")

PAIRS = (*(pair for group in GROUPS for pair in (*group.mild, *group.strong)), *NOUNS, LIKED, LIKE, LOVED)
ANTONYMS = {word: other for pair in PAIRS for word, other in (pair, pair[::-1])}
"""Every polar word to its opposite."""
POSITIVE = frozenset(positive for positive, _ in PAIRS)
"""The polar words that praise when nothing turns them round."""

PEOPLE = (
    "my brother",
    "my sister",
    "my friend",
    "my boss",
    "our neighbour",
    "the guide",
    "a colleague",
    "my uncle",
    "my daughter",
)
"""Who else has an opinion."""

ASIDES = (
    "opinions differ",
    "I rarely write reviews",
    "I am no expert",
    "we were only there once",
    "it may be a matter of taste",
    "this was a short visit",
    "everyone sees it differently",
)
"""Clauses that judge nothing and may be conceded before praise and before blame."""

NEUTRAL = (
    "it was raining outside",
    "it was snowing that day",
    "we came on a Tuesday",
    "we came by train",
    "there were four of us",
    "we sat by the window",
    "we sat near the door",
    "I paid by card",
    "we paid in cash",
    "we had booked online",
    "we arrived at seven",
    "I was there for a birthday",
    "we walked there from the station",
    "the menu has two pages",
    "the house stands by the river",
    "we were on our way to the airport",
    "I stayed for three nights",
    "our table was on the second floor",
)
"""Clauses that judge nothing."""
