"""Who orders, where it goes and whom the invoice names: what each field has to say, and the rows that keep it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, fields, replace
from typing import Any, Protocol

from flask_babel import gettext as _
from sqlmodel import Session

from catalog.rows import utc_now
from configurator import db
from configurator.errors import InvalidInput
from configurator.sales.address_rules import WITHOUT_POSTAL_CODE, is_country, postal_code_fault, tax_number_fault
from configurator.sales.parties import Party


class Place(Protocol):
    """Where a letter goes."""

    @property
    def street(self) -> str: ...
    @property
    def postal_code(self) -> str: ...
    @property
    def city(self) -> str: ...
    @property
    def region(self) -> str: ...


def address_lines(place: Place) -> tuple[str, ...]:
    """A place as it is written, without its country."""
    return tuple(line for line in (place.street, f"{place.postal_code} {place.city}".strip(), place.region) if line)


@dataclass(frozen=True, slots=True)
class Invoicing:
    """What an invoice says that the delivery does not; what is empty is as delivered.

    Attributes
    ----------
    purchase_order: the buyer's own number of the order
    name: a person or a department; without a company, whom it is for
    country: ISO 3166-1 alpha-2
    """

    company: str = ""
    tax_number: str = ""
    purchase_order: str = ""
    name: str = ""
    street: str = ""
    postal_code: str = ""
    city: str = ""
    region: str = ""
    country: str = ""

    def __bool__(self) -> bool:
        return any(astuple(self))

    @property
    def has_address(self) -> bool:
        """Whether it goes somewhere else than the delivery."""
        return any((self.street, self.postal_code, self.city, self.region, self.country))

    @property
    def lines(self) -> tuple[str, ...]:
        """Whom and where it names by itself, without the country."""
        return tuple(line for line in (self.company, self.name, *address_lines(self)) if line)

    def faults(self, delivered_to: str) -> dict[str, str]:
        """What is wrong with each field, in sentences. `delivered_to`: the country that an empty one stands for."""
        found: dict[str, str] = {}
        country = self.country or delivered_to
        if self.has_address:
            needed = ("street", "city") if country in WITHOUT_POSTAL_CODE else ("street", "postal_code", "city")
            missing = _("An invoice address of its own needs this too.")
            found |= {name: missing for name in needed if not getattr(self, name).strip()}
        if self.postal_code and (fault := postal_code_fault(country, self.postal_code)):
            found["postal_code"] = fault
        if self.country and not is_country(self.country):
            found["country"] = _("There is no such country.")
        if self.tax_number and (fault := tax_number_fault(country, self.tax_number)):
            found["tax_number"] = fault
        if self.tax_number and not self.company.strip():
            found["company"] = _("Please fill in whose tax number it is.")
        return found


NOTHING_ELSE = Invoicing()


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who orders and where it goes. `country`: ISO 3166-1 alpha-2; `locale`: `zh` or `en`.

    `region`: a province or state where the address has one; `invoice`: what the invoice says beside it.
    """

    name: str
    mail: str
    phone: str
    street: str
    postal_code: str
    city: str
    country: str
    locale: str
    region: str = ""
    invoice: Invoicing = NOTHING_ELSE

    @property
    def lines(self) -> tuple[str, ...]:
        """Where it goes, without name and country."""
        return address_lines(self)

    @property
    def billed(self) -> Invoicing:
        """The invoice's name and address in full: what it leaves out is the delivery's."""
        found = self.invoice
        if not found.company and not found.name:
            found = replace(found, name=self.name)
        if found.has_address:
            return replace(found, country=found.country or self.country)
        return replace(
            found, street=self.street, postal_code=self.postal_code, city=self.city, region=self.region,
            country=self.country,
        )


class BuyerRefused(InvalidInput):
    """Fields of a buyer that are missing or wrong. `faults`: (field as programs name it, sentence) of each."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        self.faults = tuple((f"buyer.{name}", words) for name, words in faults.items())
        field, words = self.faults[0]
        super().__init__(field=field, what=words)


def buyer_faults(buyer: Buyer) -> dict[str, str]:
    """What is wrong with a buyer, in a sentence by field; those of the invoice begin with `invoice.`."""
    needed = ("name", "mail", "street", "city", "country")
    found = {name: _("Please fill this in.") for name in needed if not getattr(buyer, name).strip()}
    if buyer.country and not is_country(buyer.country):
        found["country"] = _("There is no such country.")
    return found | address_faults(buyer.country, buyer.postal_code, buyer.invoice)


def address_faults(country: str, postal_code: str, invoice: Invoicing) -> dict[str, str]:
    """What is wrong with the postal code of a delivery and with its invoice, named as beside those of a buyer."""
    fault = postal_code_fault(country, postal_code) if postal_code else ""
    of_invoice = {f"invoice.{name}": words for name, words in invoice.faults(country).items()}
    return ({"postal_code": fault} if fault else {}) | of_invoice


def check_buyer(buyer: Buyer) -> None:
    """Raise BuyerRefused unless an order can be placed for this buyer."""
    if faults := buyer_faults(buyer):
        raise BuyerRefused(faults)


# --- rows -------------------------------------------------------------------------------------------------------------

_NAMED = tuple(one.name for one in fields(Invoicing) if one.name != "purchase_order")


def party_columns(buyer: Buyer) -> dict[str, Any]:
    """What the row of a ship-to party keeps of a buyer."""
    columns = asdict(buyer)
    del columns["invoice"]
    return columns


def keep_bill_to(session: Session, company_id: int, invoice: Invoicing, bill_to_id: int | None = None) -> int | None:
    """The id of the party row that says whom the invoice names: a new one, or this one; None for nobody else."""
    columns = {name: getattr(invoice, name) for name in _NAMED}
    if bill_to_id is None and not any(columns.values()):
        return None
    party = Party(company_id=company_id) if bill_to_id is None else session.get_one(Party, bill_to_id)
    for name, value in columns.items():
        setattr(party, name, value)
    session.add(party)
    session.flush()
    return db.id_of(party)


def erase_bill_to(session: Session, bill_to_id: int | None) -> None:
    """Forget whom invoices named."""
    if bill_to_id is not None:
        party = session.get_one(Party, bill_to_id)
        for name in _NAMED:
            setattr(party, name, "")
        party.erased_at = utc_now()


def invoicing_of(session: Session, bill_to_id: int | None, purchase_order: str = "") -> Invoicing:
    """What was kept of an invoice."""
    if bill_to_id is None:
        return Invoicing(purchase_order=purchase_order)
    party = session.get_one(Party, bill_to_id)
    return Invoicing(purchase_order=purchase_order, **{name: getattr(party, name) for name in _NAMED})


def buyer_of(party: Party, invoice: Invoicing = NOTHING_ELSE) -> Buyer:
    """The buyer that a party row describes."""
    return Buyer(
        party.name, party.mail, party.phone, party.street, party.postal_code, party.city, party.country, party.locale,
        party.region, invoice,
    )
