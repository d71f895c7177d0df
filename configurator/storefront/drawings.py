"""The drawing of a variant: an SVG template by the product's `drawing` code, kept once it was drawn."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from flask import current_app
from jinja2 import TemplateNotFound
from markupsafe import Markup

from catalog.products import ProductContent
from configurator.sales.choices import readable_choices
from solver.configuration.problem import Variant

TOP_TUBE = 176  # px of the drawing that an engraving may fill


@dataclass(frozen=True, slots=True)
class Paint:
    """A colour in three tones, and the one that can be read on it."""

    base: str
    dark: str
    light: str
    ink: str


@lru_cache(maxsize=256)
def paint(swatch: str) -> Paint:
    """Tones of a `#rrggbb`; the ink is dark on light paint and light on dark paint."""
    rgb = [int(swatch[i : i + 2], 16) for i in (1, 3, 5)]
    luminance = sum(share * part / 255 for share, part in zip((0.2126, 0.7152, 0.0722), rgb, strict=True))
    return Paint(swatch, _mixed(rgb, 0, 0.42), _mixed(rgb, 255, 0.55), "#11181d" if luminance > 0.42 else "#ffffff")


def _mixed(rgb: list[int], towards: int, share: float) -> str:
    return "#" + "".join(f"{round(part + (towards - part) * share):02x}" for part in rgb)


def letter_size(text: str, room: float, largest: float = 14) -> float:
    """The type size at which a text fills at most `room`: wide letters take an em, others a little over half."""
    ems = sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.58 for c in text)
    return round(min(largest, room / ems), 2) if ems else largest


def draw(product: ProductContent, variant: Variant, lang: str, *, uid: str = "a") -> Markup:
    """The SVG of a variant with its choices as text alternative; empty if the product has no drawing.

    `uid` keeps the ids inside apart where a page shows several drawings.
    """
    if product.drawing is None:
        return Markup("")
    key = (
        tuple((str(g), tuple(sorted(o))) for g, o in variant.chosen.items()),
        tuple(sorted(variant.numbers.items())),
        tuple(sorted(variant.texts.items())),
    )
    return _drawn(_Sheet(product, variant), product.drawing, id(product), key, lang, uid)


class _Sheet:
    """What is drawn; equal to every other one, so that the cache looks at the key beside it."""

    def __init__(self, product: ProductContent, variant: Variant) -> None:
        self.product = product
        self.variant = variant

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Sheet)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=512)
def _drawn(sheet: _Sheet, drawing: str, _product_id: int, _key: object, lang: str, uid: str) -> Markup:
    try:
        template = current_app.jinja_env.get_template(f"storefront/drawings/{drawing}.svg")
    except TemplateNotFound:
        return Markup("")
    product, variant = sheet.product, sheet.variant
    engraving = next((typed for typed in variant.texts.values() if typed), "")
    chosen = {g.id: [o for o in g.options if o.id in variant.chosen[g.id]] for g in product.groups}  # type: ignore[index]
    swatch = next((o.swatch for options in chosen.values() for o in options if o.swatch), "#8b979e")
    return Markup(  # noqa: S704 - a template that escapes
        template.render(
            label=_label(product, variant, lang),
            pick={group: options[0].id if options else "" for group, options in chosen.items()},
            numbers=_numbers(chosen),
            amounts=variant.numbers,
            paint=paint(swatch),
            words={group: " ".join(getattr(o.name, lang) for o in options) for group, options in chosen.items()},
            engraving=engraving,
            engraving_size=letter_size(engraving, TOP_TUBE),
            uid=uid,
        )
    )


def _numbers(chosen: Mapping[str, list]) -> dict[str, int]:  # type: ignore[type-arg]
    found: dict[str, int] = {}
    for group, options in chosen.items():
        for option in options:
            for name, number in option.numbers.items():
                found[f"{group}.{name}"] = found.get(f"{group}.{name}", 0) + number
    return found


def _label(product: ProductContent, variant: Variant, lang: str) -> str:
    separator, stop = ("：", "；") if lang == "zh" else (": ", "; ")
    choices = (f"{c.question_in(lang)}{separator}{c.answer_in(lang)}" for c in readable_choices(product, variant))
    return f"{getattr(product.name, lang)}. {stop.join(choices)}"
