"""What apps call things: the words by which a control, a page or an instruction names a task.

One table serves both sides: what an instruction asks for, and what a control on a page offers.
"""

from __future__ import annotations

import re

CONCEPTS: dict[str, str] = {
    "sign_in": r"log[ -]?in|sign[ -]?in|log[ -]?on|sign[ -]?on|authenticat\w*|credentials",
    "sign_out": r"log[ -]?out|sign[ -]?out|log[ -]?off|sign[ -]?off",
    "register": r"regist\w+|sign[ -]?up|join( us| now)?|(create|open|new|make)( an?| your| my)?( new)? account"
    r"|new (user|customer|member)",
    "account": r"(my |your )?account|profile|dashboard|my page",
    "search": r"search\w*|find|look up|query",
    "browse": r"browse|catalog(ue)?|products?|shop|store|all items|categor\w+",
    "cart": r"(shopping )?(carts?|baskets?|bags?|trolleys?)",
    "checkout": r"check[ -]?out\w*|purchas(e|es|ing)|buy\w*|pay(ing|ment|ments)?"
    r"|plac(e|ing) (an? |the |your |my )?orders?|order(ing)?( now)?|till",
    "orders": r"order history|(my |your |past |previous )?(orders|purchases)|history",
    "remove": r"remov\w+|delet\w+|discard|take (it )?(out|away)|drop|clear|bin",
    "update": r"updat\w+|chang\w+|recalculat\w+|refresh|modif\w+",
    "create": r"add|new|creat\w+",
    "edit": r"edit\w*|renam\w+",
    "filter": r"filter\w*|sort\w*",
    "form": r"forms?|validat\w+|fields?|inputs?",
    "navigation": r"navigat\w+|menus?|links?|pages?|smoke",
    "admin": r"admin\w*|staff|back ?office|manage\w*",
}

ADD_TO_CART = re.compile(
    r"\b(add|put|place|drop)\b.*\b(cart|basket|bag|trolley)\b|^\s*add( (it|this|item|one))?\s*$"
    r"|\bbuy( (it|this|one))?( now)?\b",
    re.IGNORECASE,
)
CHECKOUT_STEP = re.compile(
    r"check ?out|proceed|continue|next|till|go to payment|pay\b|pay now|place|confirm|complete|submit|finish|order|buy"
    r"|purchase|review|deliver|ship",
    re.IGNORECASE,
)
ORDER_FINISHED = re.compile(
    r"thank|confirm(ed|ation)|order (is |was |has been )?(placed|received|complete|accepted)|success|all done"
    r"|we('ve| have) got your order|(order|purchase) (number|no\b|reference|id)",
    re.IGNORECASE,
)
EMPTY = re.compile(r"\bempty\b|nothing|no (items|products|lines|things)|\b0 items\b", re.IGNORECASE)
NO_RESULTS = re.compile(
    r"\bno\b.*\b(results?|match\w*|products?|items?|found|hits?)\b|nothing|not? found"
    r"|\b0 (results?|products?|items?|match\w*|hits?)\b|found 0|did not match|couldn.t find",
    re.IGNORECASE,
)
TOTAL = re.compile(
    r"\b(grand |order |cart |basket |bag |trolley )?(total|sum|to pay|amount due|in all|altogether)\b", re.IGNORECASE
)
SUBTOTAL = re.compile(r"sub-?\s?total|excl", re.IGNORECASE)
REMOVE = re.compile(r"\b(remove|delete|discard|take out|take away|drop|clear)\b|^[x\u00d7\u2715\u2716]$", re.IGNORECASE)
UPDATE = re.compile(r"\b(update|recalculate|change|refresh|save|set|apply)\b", re.IGNORECASE)
RISKY = re.compile(
    r"\b(delete|remove|erase|destroy|cancel|close account|deactivate|publish|send|invite|pay|unsubscribe|reset|refund"
    r"|transfer|clear|purge|wipe|drop|disable|revoke|archive|block|ban)\b",
    re.IGNORECASE,
)
ALWAYS_RISKY = re.compile(
    r"\b(change (my |your )?password|password change|delete (my |your )?account|close (my |your )?account)\b"
    r"|\b(system|server|site) settings\b",
    re.IGNORECASE,
)

_COMPILED = {concept: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for concept, words in CONCEPTS.items()}


def speaks_of(concept: str, text: str) -> bool:
    """The text names this concept; separators of paths and identifiers count as spaces."""
    return bool(_COMPILED[concept].search(re.sub(r"[-_/.?=&+]+", " ", text)) or _COMPILED[concept].search(text))


def concepts_in(text: str) -> frozenset[str]:
    """All concepts that a text names."""
    return frozenset(concept for concept in _COMPILED if speaks_of(concept, text))
