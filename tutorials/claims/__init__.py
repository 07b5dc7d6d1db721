"""Claims on many pictures: `on_many` runs a finding on fresh ones, `precomputed` knows the default views, `thousands` many more pictures of them, `holm` adjusts p values."""

from tutorials.claims.counting import holm, judged, sign_test, wilson
from tutorials.claims.defaults import is_default
from tutorials.claims.many import on_many, on_many_at_once
from tutorials.claims.precomputed import precomputed
from tutorials.claims.thousands import thousands
from tutorials.claims.verdict import Verdict

__all__ = [
    "Verdict",
    "holm",
    "is_default",
    "judged",
    "on_many",
    "on_many_at_once",
    "precomputed",
    "sign_test",
    "thousands",
    "wilson",
]
