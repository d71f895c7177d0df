"""Personal data, and only here: a party row can be erased, everything else holds its id."""

from datetime import datetime

from sqlmodel import Field

from catalog.rows import CompanyRow, UtcDateTime, company_keys, utc_now


class Party(CompanyRow, table=True):
    """A person or firm we deal with: customer, ship-to, bill-to, user. Erasing empties the fields and keeps the row."""

    __table_args__ = company_keys()

    name: str = Field(default="", max_length=200)
    company: str = Field(default="", max_length=200)  # of a person whose name is kept too
    mail: str = Field(default="", max_length=254)
    phone: str = Field(default="", max_length=40)
    street: str = Field(default="", max_length=300)
    postal_code: str = Field(default="", max_length=20)
    city: str = Field(default="", max_length=120)
    region: str = Field(default="", max_length=80)  # a province or state, where the address has one
    country: str = Field(default="", max_length=2)  # ISO 3166-1 alpha-2
    zone: str = Field(default="", max_length=60)  # IANA name, for dates shown to this party
    tax_number: str = Field(default="", max_length=40)
    locale: str = Field(default="en", max_length=20)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    erased_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
