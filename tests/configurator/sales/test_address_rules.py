"""What a postal code and a tax number look like, by country."""

from __future__ import annotations

import pytest

from configurator.sales.address_rules import POSTAL_CODES, VAT, countries_in, postal_code_fault, tax_number_fault
from configurator.sales.buyers import Invoicing


@pytest.mark.parametrize(("country", "code", "fits"), [
    ("CN", "200040", True), ("CN", "２０００４０", True), ("CN", "12", False), ("CN", "2000400", False),
    ("CN", "٢٠٠٠٤٠", False), ("CN", "20004O", False), ("DE", "10115", True), ("DE", "200040", False),
    ("GB", "sw1a 1aa", True), ("GB", "M1 1AE", True), ("GB", "1AA", False), ("US", "20500-0005", True),
    ("NL", "1012AB", True), ("PL", "00 001", True), ("IE", "D02 AF30", True), ("IE", "D6W F4E2", True),
    ("SE", "11120", True), ("SE", "1112", False),
    ("BD", "anything", True),  # not known
])
def test_a_postal_code_has_the_shape_of_its_country(country: str, code: str, fits: bool) -> None:
    assert (postal_code_fault(country, code) == "") is fits


@pytest.mark.parametrize(("country", "number", "said"), [
    ("CN", "91350100M000100Y43", ""), ("CN", "914403001922038216", ""),  # the standard's example, a real company
    ("CN", "91350100m000100y43", ""), ("CN", "9135 0100 M000 100Y 43", ""),
    ("CN", "91350100M000100Y44", "does not fit the others"), ("CN", "91350100M00010OY43", "without I, O"),
    ("CN", "9135", "91350100M000100Y43"), ("CN", "DE123456789", "91350100M000100Y43"),
    ("DE", "DE123456789", ""), ("DE", "DE 123.456.789", ""), ("DE", "123456789", ""), ("DE", "FR12345678901", ""),
    ("DE", "DE12345678", "DE123456789"), ("GR", "EL123456789", ""), ("CH", "CHE-123.456.789 MWST", ""),
    ("NO", "123456789MVA", ""), ("AT", "U12345678", ""), ("AT", "ATX12345678", "ATU12345678"),
    ("US", "12-3456789", ""), ("US", "?", "4 to 20"), ("", "<script>", "4 to 20"),
])
def test_a_tax_number_is_one_of_its_country(country: str, number: str, said: str) -> None:
    fault = tax_number_fault(country, number)
    assert (said in fault) if said else not fault


def test_every_example_fits_and_every_country_is_one() -> None:
    known = dict(countries_in("en"))
    assert {*POSTAL_CODES, *VAT} <= set(known) and "EU" not in known and len(known) == 250
    assert {code for code, _ in countries_in("zh")} == set(known)
    for country, examples in POSTAL_CODES.items():
        assert not [example for example in examples.split("|") if postal_code_fault(country, example)], country
    for country, (_prefix, _shape, example) in VAT.items():
        assert not tax_number_fault(country, example), country


@pytest.mark.parametrize(("invoice", "wrong"), [
    (Invoicing(), set()),
    (Invoicing(purchase_order="PO 7", name="Accounts"), set()),
    (Invoicing(tax_number="DE123456789"), {"company"}),
    (Invoicing(tax_number="DE123456789", company=" "), {"company"}),
    (Invoicing(street=" ", city=" ", postal_code="10115"), {"street", "city"}),
    (Invoicing(company="Firm", tax_number="DE1"), {"tax_number"}),
    (Invoicing(company="Firm", tax_number="91350100M000100Y43"), {"tax_number"}),  # as delivered: in Germany
    (Invoicing(company="Firm", tax_number="91350100M000100Y43", country="CN", street="a", city="b",
               postal_code="200040"), set()),
    (Invoicing(country="CN"), {"street", "city", "postal_code"}),
    (Invoicing(region="Bayern"), {"street", "city", "postal_code"}),
    (Invoicing(street="a", city="b", country="HK"), set()),  # has no postal codes
    (Invoicing(street="a", city="b", postal_code="12"), {"postal_code"}),
    (Invoicing(street="a", city="b", postal_code="12", country="ZZ"), {"country"}),
])
def test_an_invoice_says_what_belongs_together(invoice: Invoicing, wrong: set[str]) -> None:
    assert set(invoice.faults("DE")) == wrong
