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
    "wishes": r"wish(es| ?lists?)?|favou?rites?|saved (items|for later)",
    "filter": r"filter\w*|sort\w*",
    "form": r"forms?|validat\w+|fields?|inputs?",
    "navigation": r"navigat\w+|menus?|links?|pages?|smoke",
    "admin": r"admin\w*|staff|back ?office|manage\w*",
}

SAME_WORDS: tuple[str, ...] = (
    r"log ?in|sign ?in|log ?on|sign ?on",
    r"log ?out|sign ?out|log ?off|sign ?off",
    r"sign ?up|register|join",
    r"save|store|keep|apply",
    r"send|submit",
    r"add|create|new|make|insert",
    r"delete|remove|discard|erase|clear|drop",
    r"search|find|look up",
    r"edit|change|modify|update|alter|rename",
    r"e ?mail( address)?",
    r"name|title",
    r"(user|login) ?name|login|user",
    r"phone|telephone|mobile",
    r"post ?code|zip( code)?|postal code",
    r"shopping (cart|basket|bag)|cart|basket|bag|trolley",
    r"check ?out|proceed|pay|buy|order|purchase",
    r"continue|next|proceed|go on",
    r"back|previous|return",
    r"cancel|abort|dismiss|close",
    r"ok|confirm|yes|done|accept",
    r"show|view|open|display|see",
    r"done|completed?|finished",
    r"quantity|amount|count|number",
    r"message|comment|note|text",
    r"settings|preferences|options",
    r"new (todo|task|item)|add (a )?(todo|task|item)",
)
"""Words that stand for each other on controls; one pattern a meaning."""

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
PLACES_ORDER = re.compile(
    r"\b(plac(e|ing)|pay|buy|confirm|complete|finish|purchase)\b|order now|submit (the |my |your )?order"
    r"|make (the )?payment",
    re.IGNORECASE,
)
"""What binds: a click on it may be an order."""
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
WISH = re.compile(r"\bwish(es|[ -]?lists?)?\b|\bfavou?rites?\b|\bsave for later\b", re.IGNORECASE)
OUT_OF_STOCK = re.compile(
    r"out of stock|sold out|unavailable|not (in stock|available)|no longer available|back[ -]?order", re.IGNORECASE
)
VOUCHER = re.compile(r"voucher|coupon|promo(tion)?([ -]?code)?|discount code|gift (card|code)", re.IGNORECASE)
TOTAL = re.compile(
    r"\b(grand |order |cart |basket |bag |trolley )?(total|sum|to pay|amount due|in all|altogether)\b", re.IGNORECASE
)
PRICE = re.compile(r"\bprice\b", re.IGNORECASE)
SUBTOTAL = re.compile(r"sub-?\s?total|excl", re.IGNORECASE)
REMOVE = re.compile(r"\b(remove|delete|discard|take out|take away|drop|clear)\b|^[x\u00d7\u2715\u2716]$", re.IGNORECASE)
ROW_CONTROL = re.compile(
    r"(edit|change|modify|delete|remove|show|hide|view|details?|open|more|read more|copy|share|reply|up|down|add)",
    re.IGNORECASE,
)
"""The whole name of a link that does something to the thing in its row, rather than naming it."""
CONFIRM = re.compile(r"\b(yes|ok|sure|confirm|continue|delete|remove)\b", re.IGNORECASE)
SUCCEEDED = re.compile(
    r"\b(was|were|been|is|successfully)\b(?! not)[^.]*"
    r"\b(added|saved|created|updated|changed|sent|stored|posted|registered)\b"
    r"|\bsuccess|\bthank",
    re.IGNORECASE,
)
NOT_A_PAGE = re.compile(
    r"\.(pdf|zip|gz|csv|xlsx?|docx?|png|jpe?g|gif|svg|ico|mp[34]|xml|rss|atom|json|ics|exe|dmg|js|css|txt)$",
    re.IGNORECASE,
)
"""A path that leads to a file."""
OTHER_FORMAT = re.compile(r"[?&]format=(?!x?html\b)\w", re.IGNORECASE)
"""An address that gives what a page shows as a file."""
SETTING = re.compile(r"[/?&](lang|language|locale|i18n|hl|theme|skin|currency)([/=]|$)", re.IGNORECASE)
"""An address that changes how the whole app looks, rather than showing a page."""
UPDATE = re.compile(r"\b(update|recalculate|change|refresh|save|set|apply)\b", re.IGNORECASE)
_UNDOING = (
    "delete|remove|erase|destroy|cancel|close account|deactivate|publish|unsubscribe|reset|refund|clear|purge|wipe|drop"
    "|disable|revoke|archive|block|ban"
)
RISKY_LINK = re.compile(rf"\b({_UNDOING})\b", re.IGNORECASE)
"""What a link may do by being followed; what is sent, paid and the like is asked for by a form behind it."""
RISKY = re.compile(rf"\b({_UNDOING}|send|invite|pay|transfer)\b", re.IGNORECASE)
_NEW_WORD = r"\b(chang|updat|set|new|edit)\w*\W+((my|your|a|the)\W+)?password|password\W+(chang|updat)"
CHANGES_PASSWORD = re.compile(_NEW_WORD, re.IGNORECASE)
ALWAYS_RISKY = re.compile(
    rf"{_NEW_WORD}|\b(delete|close)[-_ ]((my|your)[-_ ])?account\b|\b(system|server|site) settings\b", re.IGNORECASE
)

_COMPILED = {concept: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for concept, words in CONCEPTS.items()}


def speaks_of(concept: str, text: str) -> bool:
    """The text names this concept; separators of paths and identifiers count as spaces."""
    return bool(_COMPILED[concept].search(re.sub(r"[-_/.?=&+]+", " ", text)) or _COMPILED[concept].search(text))


def concepts_in(text: str) -> frozenset[str]:
    """All concepts that a text names."""
    return frozenset(concept for concept in _COMPILED if speaks_of(concept, text))
