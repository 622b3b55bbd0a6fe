"""What the pages load: stylesheet, script, and pictures drawn from the products."""

from pathlib import Path

from tests.apps.shop.catalogue import Catalogue, Product
from tests.apps.shop.elements import element
from tests.apps.shop.exchange import Response

FOLDER = Path(__file__).parent / "static"
FILES = {"shop.css": "text/css; charset=utf-8", "shop.js": "text/javascript; charset=utf-8"}
SVG = "image/svg+xml"


def asset(name: str, catalogue: Catalogue) -> Response | None:
    """The asset with this name, or None if there is none."""
    if name in FILES:
        return Response((FOLDER / name).read_bytes(), FILES[name], cacheable=True)
    if name == "icon.svg":
        return _drawing("S", 210)
    number = name.removeprefix("product-").removesuffix(".svg")
    product = catalogue.product(int(number)) if number.isdecimal() else None
    return _drawing(_initials(product), product.id * 47 % 360) if product else None


def _initials(product: Product) -> str:
    return "".join(word[0] for word in product.name.split())


def _drawing(text: str, hue: int) -> Response:
    svg = element(
        "svg",
        element("rect", width=160, height=160, fill=f"hsl({hue} 35% 82%)"),
        element("circle", cx=80, cy=80, r=52, fill=f"hsl({hue} 40% 68%)"),
        element("text", text, x=80, y=94, text_anchor="middle", font_family="sans-serif", font_size=40, fill="#fff"),
        xmlns="http://www.w3.org/2000/svg",
        viewBox="0 0 160 160",
    )
    return Response(svg.encode(), SVG, cacheable=True)
