"""What a program may send: every field named, anything else refused, no value bent into another type."""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode
from datetime import date
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from solver.scheduling.capacity import FreeCapacity, Instant

LIMIT = 10**9  # numbers of a configuration, as the solver takes them
MINOR_LIMIT = 10**15  # money in minor units
MOST_ENCODED = 4 * 20_000_000 // 3 + 4  # characters of a file of 20 MB, as large as any product asks for
MOST_MODEL = 4 * 5_000_000 // 3 + 4  # and of a feature model of 5 MB
BASE64 = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
NAME = r"^[a-z][a-z0-9_]{0,39}$"
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"  # no control characters, as JSON Schema can say it
VISIBLE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*[^\s\x00-\x1f\x7f-\x9f\u2028\u2029][^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
# What an HTML mail field accepts, with a dot in the domain: such an address can stand in a mail's header as it is.
MAIL = (r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
        r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+$")


def _refused(message: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{message}", {"message": message})


def _printable(text: str) -> str:
    """One line for pages, mails and labels; what was typed is kept as it is, code point for code point."""
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        raise _refused("Control characters are not allowed.")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise _refused("This must not be empty.")
    return text


_BEYOND = 2.0**63  # no whole number of a body is so large


def _whole(value: Any) -> Any:
    """JSON knows one kind of number: 3.0 is the whole number 3."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _iso_date(value: Any) -> date:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise _refused("Write the date as YYYY-MM-DD.")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise _refused("There is no such day.") from error


def _line(maximum: int, minimum: int = 0) -> Any:
    """One line of text of at most `maximum` characters (at least one visible one if `minimum`)."""
    pattern = VISIBLE if minimum else PRINTABLE
    schema: dict[str, Any] = {"type": "string", "maxLength": maximum, "pattern": pattern}
    checks = [AfterValidator(_printable), AfterValidator(_not_blank)] if minimum else [AfterValidator(_printable)]
    return Annotated[(str, Field(min_length=minimum, max_length=maximum), *checks, WithJsonSchema(schema))]


Name = Annotated[str, Field(pattern=NAME)]
Number = Annotated[int, Field(ge=-LIMIT, le=LIMIT), BeforeValidator(_whole)]
Options = Annotated[tuple[Name, ...], Field(max_length=1000, strict=False)]
Line = _line(1000)
Day = Annotated[date, BeforeValidator(_iso_date), WithJsonSchema({"type": "string", "format": "date"})]
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
Mail = Annotated[str, Field(max_length=254, pattern=MAIL)]
Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,40}$")]
CLOSED: dict[str, Any] = {"additionalProperties": False}  # a map whose keys must be names


class Body(BaseModel):
    """Base of everything that is sent."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Choice(Body):
    """This option is wanted (`chosen: false`: it is not)."""

    group: Name
    option: Name
    chosen: bool = True


class Entry(Body):
    """This number is entered."""

    parameter: Name
    value: Number


def _kind(data: Any) -> str:
    if isinstance(data, dict):
        return "entry" if "parameter" in data else "choice"
    return "entry" if isinstance(data, Entry) else "choice"


DecisionBody = Annotated[Annotated[Choice, Tag("choice")] | Annotated[Entry, Tag("entry")], Discriminator(_kind)]
Decisions = Annotated[tuple[DecisionBody, ...], Field(max_length=200, strict=False)]
Texts = Annotated[dict[Name, Line], Field(max_length=50, json_schema_extra=CLOSED)]  # type: ignore[valid-type]


class DecideBody(Body):
    """What has been decided so far."""

    decisions: Decisions = ()
    texts: Texts = {}
    country: CountryCode | None = None


class VariantBody(Body):
    """A complete configuration: the options of every group, the number of every parameter, the texts."""

    chosen: Annotated[dict[Name, Options], Field(max_length=500, json_schema_extra=CLOSED)]
    numbers: Annotated[dict[Name, Number], Field(max_length=500, json_schema_extra=CLOSED)] = {}
    texts: Texts = {}


UploadKey = Annotated[str, Field(
    max_length=40, pattern=r"^[A-Za-z0-9_-]*$",
    description="The key that came with the files which the texts name; needed where they name any",
)]


class UploadBody(Body):
    """A file that a question of a product asks for. `key`: of a file that was sent before, so that one is for both."""

    product: Name
    question: Name
    name: _line(200, 1)  # type: ignore[valid-type]
    data: Annotated[str, Field(
        max_length=MOST_ENCODED, pattern=BASE64, description="Its content in Base64",
    )]
    key: UploadKey = ""

    def content(self) -> bytes:
        """The file itself."""
        return b64decode(self.data)


PostalCode = _line(20)
Way = Annotated[str, Field(
    pattern=r"^(way-[0-9]{1,9})?$", description="The code of a way of delivery; empty: the usual one",
)]
AssuranceChoice = Annotated[Literal["", "address", "deposit"], Field(
    description="What the order waits for where there is a choice (a promise's `assurances`); empty: the first of them",
)]
Quantity = Annotated[int, Field(ge=1, le=20, description="Units of it"), BeforeValidator(_whole)]


class PromiseBody(Body):
    """What to price and date, and where it goes: a complete variant, or decisions (and texts) to be completed.

    Price and date are those of one unit, delivered by `delivery`.
    """

    model_config = ConfigDict(json_schema_extra={
        "not": {"required": ["variant"], "anyOf": [{"required": ["decisions"]}, {"required": ["texts"]}]},
    })

    country: CountryCode
    postal_code: PostalCode = ""  # type: ignore[valid-type]
    delivery: Way = ""
    assurance: AssuranceChoice = ""
    decisions: Decisions = ()
    texts: Texts = {}
    variant: VariantBody | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> PromiseBody:
        if "variant" in self.model_fields_set and self.model_fields_set & {"decisions", "texts"}:
            raise _refused("Send either a variant or decisions and texts.")
        return self


class AnalysisBody(Body):
    """A catalog file to be analysed: YAML as text."""

    filename: _line(200, 1) = "catalog.yaml"  # type: ignore[valid-type]
    text: Annotated[str, Field(min_length=1, description="at most 2 MiB, as the whole request")]


class FeatureModelBody(Body):
    """A feature model: UVL, several UVL files in a zip, or FeatureIDE's XML; which it is, its content says.

    `main`: of a zip the file that imports the others, if that is not clear.
    """

    filename: _line(200, 1) = "model.uvl"  # type: ignore[valid-type]
    data: Annotated[str, Field(
        min_length=1, max_length=MOST_MODEL, pattern=BASE64, description="Its content in Base64",
    )]
    main: _line(200) = ""  # type: ignore[valid-type]

    def content(self) -> bytes:
        """The file itself."""
        return b64decode(self.data)


class RulesQuery(BaseModel):
    """Which revision of a product; without it the newest that is published."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    revision: Annotated[int | None, Field(ge=1, le=10**9)] = None


class NothingBody(Body):
    """An empty object: all that is said is in the address."""


class InvoiceBody(Body):
    """What the invoice says that the delivery does not; what is empty is as delivered.

    A tax number needs its company, and an address street, postal code and city. In China the number is the unified
    social credit code, in countries with VAT the VAT ID.
    """

    company: _line(200) = ""  # type: ignore[valid-type]
    tax_number: _line(40) = ""  # type: ignore[valid-type]
    purchase_order: _line(60) = ""  # type: ignore[valid-type]
    name: _line(200) = ""  # type: ignore[valid-type]
    street: _line(300) = ""  # type: ignore[valid-type]
    postal_code: PostalCode = ""  # type: ignore[valid-type]
    city: _line(120) = ""  # type: ignore[valid-type]
    region: _line(80) = ""  # type: ignore[valid-type]
    country: Annotated[str, Field(pattern=r"^([A-Z]{2})?$", description="ISO 3166-1 alpha-2")] = ""


class BuyerBody(Body):
    """Who orders, and where it goes. `region`: a province or state where the address has one."""

    name: _line(200, 1)  # type: ignore[valid-type]
    mail: Mail
    phone: _line(40) = ""  # type: ignore[valid-type]
    street: _line(300, 1)  # type: ignore[valid-type]
    postal_code: PostalCode = ""  # type: ignore[valid-type]
    city: _line(120, 1)  # type: ignore[valid-type]
    region: _line(80) = ""  # type: ignore[valid-type]
    country: CountryCode
    invoice: InvoiceBody = InvoiceBody()
    language: Literal["zh", "en"] = "en"


class ShownBody(Body):
    """The price and the date that the buyer agreed to, as a promise gave them."""

    gross_minor: Annotated[int, Field(ge=0, le=MINOR_LIMIT), BeforeValidator(_whole)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    arrives_on: Day


class ItemBody(Body):
    """A variant, so many units of it."""

    product: Name
    variant: VariantBody
    quantity: Quantity = 1


class OrderBody(ItemBody):
    """One order of one or several variants, at most 20 units. Sent again with the same Idempotency-Key it stays one.

    `shown`: the price of it all with its delivery, and the day on which the last unit is there: all are promised for it
    together.
    """

    more: Annotated[tuple[ItemBody, ...], Field(max_length=19, strict=False, description="Further items")] = ()
    upload_key: UploadKey = ""
    delivery: Way = ""
    assurance: AssuranceChoice = ""
    buyer: BuyerBody
    shown: ShownBody


class HoldBody(ItemBody):
    """What to keep capacity and material for, at most 20 units, and where it goes."""

    more: Annotated[tuple[ItemBody, ...], Field(max_length=19, strict=False, description="Further items")] = ()
    upload_key: UploadKey = ""
    country: CountryCode


class HoldQuery(BaseModel):
    """Where in its country a hold would go, and by which way."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    postal_code: PostalCode = ""  # type: ignore[valid-type]
    delivery: Way = ""
    assurance: AssuranceChoice = ""


class HeldOrderBody(Body):
    """The order of what is held, at the price and for the day that were shown. `hold`: its token."""

    hold: Token
    delivery: Way = ""
    assurance: AssuranceChoice = ""
    buyer: BuyerBody
    shown: ShownBody


class PlacedOperation(Body):
    """Where the partner makes an operation: [start, end) on a line, in seconds as in the capacity."""

    id: Annotated[str, Field(min_length=1, max_length=40)]
    line: Annotated[str, Field(min_length=1, max_length=200)]
    start: Instant
    end: Instant


class AccountedOrder(Body):
    """An order of ours, under its number, with all of its operations."""

    id: Annotated[str, Field(min_length=1, max_length=40)]
    operations: Annotated[tuple[PlacedOperation, ...], Field(min_length=1)]


class ReservationsBody(Body):
    """Which of our orders what is free is beside of. `version`: of our reservations, as they were read before."""

    version: Annotated[int, Field(ge=0, le=LIMIT)] = 0
    orders: tuple[AccountedOrder, ...] = ()


class CapacityBody(Body):
    """What is free in a plant beside everything else that is made there, in the form in which we show our own."""

    capacity: FreeCapacity
    reservations: ReservationsBody = ReservationsBody()

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> CapacityBody:
        """Strictly, and yet as JSON says it: it has lists, no dates, and one kind of number."""
        try:
            said = orjson.dumps(_with_whole_numbers(obj))
        except (orjson.JSONEncodeError, RecursionError) as error:
            too_deep = InitErrorDetails(type=_refused("This is nested too deeply."), loc=("capacity",), input=None)
            raise ValidationError.from_exception_data(cls.__name__, [too_deep]) from error
        return cls.model_validate_json(said)


def _with_whole_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_whole_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_whole_numbers(inner) for inner in value]
    return value if isinstance(value, float) and abs(value) >= _BEYOND else _whole(value)


class LinkBody(Body):
    """What the link in the mail ends with: the part of its address after /confirm/."""

    link: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[A-Za-z0-9._-]+$")]


class LinkAgainBody(Body):
    """Where the link is to go; another address than the order's makes earlier links useless. `order`: its token."""

    order: Token
    mail: Mail


class ExchangeBody(Body):
    """What an order is to wait for from now on, as `waits_for.instead` of the order said it. `order`: its token."""

    order: Token
    kind: Literal["address", "deposit"]
    amount_minor: Annotated[int, Field(ge=0, le=MINOR_LIMIT), BeforeValidator(_whole)]
    arrives_on: Day


class OrderHeaders(BaseModel):
    """The header that makes an order safe to send again."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    idempotency_key: Annotated[str, Field(
        min_length=8, max_length=100, pattern=r"^[A-Za-z0-9_.:-]+$",
        # No example on purpose: whoever copies it gets the order of whoever copied it before.
        description="A new random value for each order, for instance a UUID",
    )]
