"""The drawing of a variant, as the product's catalog file says it, with its choices as text alternative."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from markupsafe import Markup

from catalog.components import AskedContent
from catalog.draw import Drawing, compile_drawing
from catalog.memo import Memo
from catalog.products import ProductContent
from catalog.state import state
from configurator.sales.choices import readable_choices
from configurator.storefront.pictures import shown_by_pictures
from solver.configuration.problem import Variant

KEPT = 64  # compiled drawings
DRAWN = 512  # drawings of variants

_lock = Lock()
_drawn: Memo[tuple[Drawing, Markup]] = Memo(DRAWN)
_drawings: OrderedDict[int, tuple[ProductContent, Drawing | None]] = OrderedDict()


def draw(product: ProductContent, variant: Variant, lang: str) -> Markup:
    """The SVG of a variant in `zh` or `en`, or its options' pictures where the product has no drawing; or nothing."""
    drawing = _drawing_of(product)
    if drawing is None:
        return shown_by_pictures(product, variant, _label(product, variant, lang))
    key = (id(drawing), lang, *(tuple(part.items()) for part in (variant.chosen, variant.numbers, variant.texts)))
    known = _drawn.get(key)
    if known is None or known[0] is not drawing:  # it is kept too, so that its id is nobody else's
        known = _drawn.put(key, (drawing, _svg(product, drawing, variant, lang)))
    return known[1]


def _svg(product: ProductContent, drawing: Drawing, variant: Variant, lang: str) -> Markup:
    try:
        return Markup(drawing.svg(variant, lang, _label(product, variant, lang)))  # noqa: S704 - catalog.draw escapes
    except ArithmeticError:  # a formula of the file divides by 0 here: no sample has met that
        return Markup("")


def _drawing_of(product: ProductContent) -> Drawing | None:
    """Compiled once for each offer: published revisions never change."""
    with _lock:
        known = _drawings.get(id(product))
        if known is not None and known[0] is product:
            _drawings.move_to_end(id(product))
            return known[1]
    source = product.source if isinstance(product, AskedContent) and product.source is not None else product
    compiled = compile_drawing(source, state(source)) if source.drawing is not None else None
    with _lock:
        _drawings[id(product)] = (product, compiled)
        while len(_drawings) > KEPT:
            _drawings.popitem(last=False)
    return compiled


def _label(product: ProductContent, variant: Variant, lang: str) -> str:
    separator, stop = ("：", "；") if lang == "zh" else (": ", "; ")
    choices = (f"{c.question_in(lang)}{separator}{c.answer_in(lang)}" for c in readable_choices(product, variant))
    return f"{getattr(product.name, lang)}. {stop.join(choices)}"
