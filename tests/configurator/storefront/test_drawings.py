"""What can be chosen can be seen, and what is typed stays a text."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from apiflask import APIFlask

from catalog.draw import letter_size, paint
from catalog.offer import Offer
from configurator.storefront import service
from configurator.storefront.drawings import draw
from solver.configuration.problem import GroupId, OptionId, Variant


def drawn(app: APIFlask, offer: Offer, variant: Variant, lang: str = "en") -> str:
    with app.test_request_context():
        return str(draw(offer.product, variant, lang))


def test_every_option_changes_the_drawing(app: APIFlask, bicycle: Offer) -> None:
    standard = service.click(bicycle, (), country="CN").standing
    for group in bicycle.product.groups:
        looks = set()
        for option in group.options:
            variant = Variant({**standard.chosen, GroupId(group.id): frozenset({OptionId(option.id)})}, {}, {})
            svg = ET.fromstring(drawn(app, bicycle, variant))
            del svg.attrib["aria-label"]  # words alone are no difference that can be seen
            looks.add(ET.tostring(svg))
        assert len(looks) == len(group.options), group.id


def test_the_drawing_has_its_choices_as_words(app: APIFlask, bicycle: Offer) -> None:
    standing = service.click(bicycle, (), country="CN", texts={"engraving": "Li"}).standing
    english = ET.fromstring(drawn(app, bicycle, standing))
    assert english.attrib["role"] == "img"
    assert "Frame colour: Sky blue" in english.attrib["aria-label"]
    assert "Engraving: Li" in english.attrib["aria-label"]
    assert "车架颜色：天空蓝" in drawn(app, bicycle, standing, "zh")


@pytest.mark.parametrize("typed", ["</text><script>alert(1)</script>", "\"'><img src=x>", "{{ 7 * 7 }}", "<&>"])
def test_what_is_typed_is_drawn_as_a_text(app: APIFlask, bicycle: Offer, typed: str) -> None:
    standing = service.click(bicycle, (), country="CN").standing
    svg = ET.fromstring(drawn(app, bicycle, Variant(standing.chosen, {}, {"engraving": typed})))
    assert [text for text in svg.itertext() if text == typed]


def test_a_drawing_needs_no_inline_style(app: APIFlask, bicycle: Offer) -> None:
    for preset in bicycle.product.presets:
        chosen = service.click(bicycle, (), country="CN").standing.chosen
        chosen = {**chosen, **{GroupId(g): frozenset({OptionId(o)}) for g, o in preset.choices.items()}}
        assert "style" not in drawn(app, bicycle, Variant(chosen, {}, {}))


@pytest.mark.parametrize("typed", ["i", "通勤" * 12, "W" * 24, "Zoë 🚲 你好"])
def test_an_engraving_fits_on_the_top_tube(typed: str) -> None:
    size = letter_size(typed, 176, 14)
    assert 0 < size <= 14
    assert size * len(typed) * 0.58 <= 176


def test_words_can_be_read_on_every_paint(bicycle: Offer) -> None:
    for option in bicycle.product.group("colour").options:
        tones = paint(option.swatch or "")
        assert contrast(tones.base, tones.ink) >= 4.0, option.id


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio of two colours."""
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
