"""What the shop sells: products made from a theme and a seed, the same for the same two."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PAGE_SIZE = 8
PRODUCTS_PER_CATEGORY = (4, 3, 4, 3)


@dataclass(frozen=True)
class Category:
    name: str
    slug: str


@dataclass(frozen=True)
class Product:
    """One product; `price` is in cents."""

    id: int
    name: str
    slug: str
    category: Category
    price: int
    description: str


@dataclass(frozen=True)
class Theme:
    adjectives: str
    """The first words of the products' names, with spaces between them."""
    nouns: dict[str, tuple[str, ...]]
    """Category name to the kinds of things in it."""


THEMES = {
    "home": Theme(
        "Walnut Copper Linen Slate Amber Ivory Cobalt Willow Marble Brass Indigo Hazel Coral Oak Pearl Moss",
        {
            "Lighting": ("Desk Lamp", "Floor Lamp", "Lantern", "Candle Holder"),
            "Kitchen & Dining": ("Teapot", "Mixing Bowl", "Chopping Board", "Carafe"),
            "Textiles": ("Blanket", "Cushion", "Table Runner", "Curtain"),
            "Garden": ("Watering Can", "Planter", "Bird Bath", "Bench"),
        },
    ),
    "outdoor": Theme(
        "Ridge Summit Canyon Glacier Prairie Juniper Granite Aspen Mesa Tundra Cascade Badger Osprey Lynx Bison Heron",
        {
            "Tents": ("Two-Person Tent", "Tarp", "Bivouac", "Shelter"),
            "Packs and Bags": ("Daypack", "Duffel", "Dry Sack", "Hip Pack"),
            "Camp Kitchen": ("Stove", "Cook Set", "Flask", "Spork"),
            "Clothing": ("Rain Jacket", "Fleece", "Wool Socks", "Cap"),
        },
    ),
    "paper": Theme(
        "Classic Dotted Ruled Pocket Vintage Botanical Striped Midnight Pastel Kraft Velvet Nordic Parisian Golden",
        {
            "Notebooks": ("Notebook", "Sketchbook", "Diary", "Planner"),
            "Pens": ("Fountain Pen", "Pencil Set", "Brush Pen", "Ink Bottle"),
            "Cards": ("Birthday Card", "Postcard Set", "Invitation", "Gift Tag"),
            "Desk": ("Desk Mat", "Pen Tray", "Letter Opener", "Paper Clip Box"),
        },
    ),
    "pantry": Theme(
        "Smoked Spiced Honeyed Toasted Wild Crisp Mellow Rustic Zesty Creamy Malted Fruity Nutty Peppery Floral Tangy",
        {
            "Tea": ("Black Tea", "Green Tea", "Rooibos", "Chai"),
            "Biscuits": ("Shortbread", "Oatcakes", "Ginger Snaps", "Crackers"),
            "Jams & Spreads": ("Marmalade", "Lemon Curd", "Chutney", "Plum Jam"),
            "Coffee": ("Espresso Beans", "House Blend", "Cold Brew", "Filter Roast"),
        },
    ),
}

SORTS: dict[str, Callable[[Product], int | str]] = {
    "featured": lambda product: product.id,
    "cheapest": lambda product: product.price,
    "dearest": lambda product: -product.price,
    "name": lambda product: product.name,
}


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


class Catalogue:
    """The products of one shop in their featured order. It never changes, so any thread may read it."""

    def __init__(self, theme: str, seed: int) -> None:
        chosen = THEMES[theme]
        chance = random.Random(f"{theme} {seed}")
        adjectives = chosen.adjectives.split()
        chance.shuffle(adjectives)
        self.categories = tuple(Category(name, slug(name)) for name in chosen.nouns)
        kinds = [
            (category, noun)
            for category, count in zip(self.categories, PRODUCTS_PER_CATEGORY, strict=True)
            for noun in chance.sample(chosen.nouns[category.name], count)
        ]
        chance.shuffle(kinds)
        self.products = tuple(
            Product(
                id=number,
                name=(name := f"{adjective} {noun}"),
                slug=slug(name),
                category=category,
                price=chance.randrange(4, 90) * 100 + chance.choice((0, 25, 50, 95)),
                description=f"Our {name} is made with care in a small workshop and comes with a two-year guarantee.",
            )
            for number, ((category, noun), adjective) in enumerate(zip(kinds, adjectives, strict=False), start=101)
        )
        self._by_id = {product.id: product for product in self.products}

    def product(self, number: int) -> Product | None:
        return self._by_id.get(number)

    def category(self, slug: str) -> Category | None:
        return next((category for category in self.categories if category.slug == slug), None)

    def within(self, category: Category) -> list[Product]:
        return [product for product in self.products if product.category == category]

    def search(self, term: str) -> list[Product]:
        """The products whose name holds every word of the term; none for an empty term."""
        parts = term.lower().split()
        return [product for product in self.products if parts and all(part in product.name.lower() for part in parts)]


@dataclass(frozen=True)
class ProductPage:
    """One page of a sorted list of products; pages count from 1."""

    products: Sequence[Product]
    number: int
    count: int
    total: int
    sort: str


def page_of(products: Sequence[Product], sort: str, number: int) -> ProductPage:
    """The page asked for, or the nearest that exists; an unknown sort is the featured one."""
    sort = sort if sort in SORTS else "featured"
    count = max(1, -(-len(products) // PAGE_SIZE))
    number = min(max(number, 1), count)
    start = (number - 1) * PAGE_SIZE
    ordered = sorted(products, key=SORTS[sort])
    return ProductPage(ordered[start : start + PAGE_SIZE], number, count, len(products), sort)
