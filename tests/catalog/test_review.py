"""Which variants cannot be priced or routed: found by the solver, shown by pricing and exploding what it found."""

from __future__ import annotations

import pytest

from catalog.factory import FactoryContent
from catalog.load import read_file
from catalog.manufacturing import ManufacturingContent
from catalog.price import PriceListContent
from catalog.problems import Refused
from catalog.products import ProductContent
from catalog.review import Review, review
from catalog.state import state
from catalog.verify import faults_of
from solver.configuration.check import is_valid
from solver.configuration.problem import Variant
from tests.catalog.small import LAMP, broken

SKY = "        - {id: sky, name: {zh: 天, en: Sky}}\n"


def reviewed(text: str) -> tuple[Review, ProductContent]:
    """The review of a file whose sections were not verified together (a sample might already see the fault)."""
    from catalog.document import read_document

    data = read_document(text).data
    product = ProductContent.from_data(data["product"])
    found = review(
        product,
        PriceListContent.from_data(data["prices"]),
        ManufacturingContent.from_data(data["manufacturing"]),
        FactoryContent.from_data(data["factory"]),
    )
    return found, product


def test_a_sound_file_has_no_fault_and_every_question_is_settled() -> None:
    read_file(LAMP)
    found, _ = reviewed(LAMP)
    assert (found.faults, found.unused, found.unsettled) == ((), (), ())
    assert found.asked > 20


# What is changed in the lamp -> the section and path of the fault, and words of it.
FAULTS = [
    # One height out of nine, with one colour out of two: a sample of forty may well miss it.
    (("amount: 0.125 * height", "amount: 100 / (height - 45)"), "prices", ("items", 2, "amount"), "divides by 0"),
    (("amount: 5, cost: 2", "amount: 5, cost: 1 / (40 - height)"), "prices", ("items", 1, "cost"), "divides by 0"),
    (("when: length(label) > 0", "when: 1 / (7 - length(label)) > 0"), "prices", ("items", 3, "when"), "divides by 0"),
    (("amount: 0.125 * height", "amount: when height = 45 then -70 else 1"), "prices", ("items",), "below 0"),
    (("amount: 0.125 * height", "amount: when height = 45 then 2000000000 else 1"), "prices", ("items", 2, "amount"),
     "2e+09"),
    (("quantity: height / 10", "quantity: height - 12"), "manufacturing", ("bom", 0, "quantity"), "-2"),
    (("minutes: 5 + height / 10", "minutes: 50 - height"), "manufacturing", ("routing", 0, "minutes"), "it is 0"),
    (("minutes: 8, when: colour.blue", "minutes: 8, when: 10 / (height - 45) > 0"), "manufacturing",
     ("routing", 1, "when"), "divides by 0"),
    # Paint is needed for every blue lamp, and above 35 cm nobody takes it.
    (("minutes: 8, when: colour.blue", "minutes: 8, when: colour.blue and height <= 35"), "manufacturing",
     ("bom", 1, "component"), "0 operations take it"),
    (("minutes: 8, when: colour.blue", "minutes: 8"), "manufacturing", ("bom", 1, "component"), None),
    (("family_of: colour", "family_of: feet"), "manufacturing", ("routing", 1, "family_of"), "has no answer"),
    (("stage: painting, calendar: day, setup_matrix: paint", "stage: washing, calendar: day"), "manufacturing",
     ("routing",), "no plant can make"),
    (("        paint: {stock: 1000}\n", ""), "manufacturing", ("routing",), "no plant can make"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "section", "path", "words"), FAULTS)
def test_a_fault_is_found_with_a_variant_that_shows_it(
    change: tuple[str, str], section: str, path: tuple[object, ...], words: str | None
) -> None:
    found, product = reviewed(broken(*change))
    mine = [one for one in found.faults if (one.section, one.finding.path) == (section, path)]
    if words is None:  # taken once whether it is needed or not
        assert mine == [] and found.unsettled == ()
        return
    assert len(mine) == 1, found
    assert words in str(mine[0].finding.what)
    witness = Variant(mine[0].witness.chosen, mine[0].witness.numbers)
    assert is_valid(state(product), witness)


def test_no_operation_at_all_is_a_fault() -> None:
    text = LAMP.replace("stage: cutting, minutes: 5 + height / 10", "stage: cutting, when: feet.felt, minutes: 5")
    text = text.replace("stage: fitting, minutes: 10", "stage: fitting, when: feet.felt, minutes: 10")
    found, _ = reviewed(text)
    words = [str(one.finding.what) for one in found.faults if one.finding.path == ("routing",)]
    assert len(words) == 1 and "needs no operation" in words[0]


@pytest.mark.parametrize(
    ("change", "section", "path", "name"),
    [
        (("option: colour.blue, name", "option: colour.blue, when: shade.small, name"), "prices", ("items", 1), "blue"),
        (("quantity: 7, when: colour.blue", "quantity: 7, when: colour.blue and shade.small"), "manufacturing",
         ("bom", 1), "paint"),
        # Interval arithmetic alone sees this one.
        (("when: length(label) > 0", "when: length(label) > 10"), "prices", ("items", 3), "label"),
    ],
)  # fmt: skip
def test_what_no_variant_ever_uses_is_told(
    change: tuple[str, str], section: str, path: tuple[object, ...], name: str
) -> None:
    found, _ = reviewed(broken(*change))
    assert [(one.section, one.path, one.name) for one in found.unused] == [(section, path, name)]


def test_a_divisor_that_is_zero_only_where_the_item_does_not_apply_is_no_fault() -> None:
    found, _ = reviewed(broken("amount: 5, cost: 2", "amount: 5 / (1 + colour.blue - colour.red)"))
    assert found.faults == () and found.unsettled == ()


def test_a_text_that_needs_another_choice_is_not_priced_without_it() -> None:
    """The label needs red: with blue it is empty, so its length minus 3 divides by nothing there."""
    apart = broken("option: colour.blue, name: {zh: 蓝, en: Blue}, amount: 5",
                   "option: colour.blue, name: {zh: 蓝, en: Blue}, amount: 5 / (3 - length(label))")  # fmt: skip
    found, _ = reviewed(apart)
    assert found.faults == () and found.unsettled == ()


def test_what_time_does_not_settle_is_told() -> None:
    product = read_file(LAMP)
    assert product.product is not None
    found = review(product.product, product.prices, product.manufacturing, product.factory, seconds=0)
    assert found.unsettled and found.faults == ()


def test_a_review_can_be_stopped() -> None:
    file = read_file(LAMP)
    assert file.product is not None
    said: list[tuple[int, int]] = []
    found = review(
        file.product, file.prices, file.manufacturing, file.factory,
        report=lambda done, total: said.append((done, total)), stop=lambda: len(said) > 3,
    )  # fmt: skip
    assert found.unsettled and said[0][0] == 0 and said[-1][0] == said[-1][1]


def test_the_words_of_a_fault_are_those_of_its_variant() -> None:
    """Negative control: on a variant without the fault the same judge says nothing."""
    text = broken("quantity: height / 10", "quantity: height - 12")
    found, product = reviewed(text)
    (fault,) = found.faults
    assert fault.witness.numbers["height"] == 10  # type: ignore[index]
    higher = Variant(fault.witness.chosen, {**fault.witness.numbers, "height": 20})  # type: ignore[dict-item]
    made = ManufacturingContent.from_data(read_file(LAMP).manufacturing.canonical())  # type: ignore[union-attr]
    assert [*faults_of(state(product), higher, None, made, None)] == []


def test_a_file_with_a_fault_that_only_one_variant_has_is_refused() -> None:
    """One number in forty thousand: no sample meets it."""
    text = broken("minimum: 10, maximum: 50, step_size: 5", "minimum: 10, maximum: 40010, step_size: 1")
    text = text.replace("amount: 0.125 * height", "amount: 100 / (height - 12345)")
    text = text.replace("minutes: 5 + height / 10", "minutes: 5").replace("default: 20}", "default: 25}")
    with pytest.raises(Refused, match=r"prices\.items\[tall\]\.amount: it divides by 0 for height = 12345"):
        read_file(text)
    read_file(text.replace("height - 12345", "height + 12345"))
