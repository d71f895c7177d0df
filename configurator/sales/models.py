"""Sales documents: orders that were placed, quotes and their revisions. Personal data stands in the party rows only."""

import secrets
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, event, text
from sqlmodel import Field, SQLModel

from catalog.rows import CompanyRow, UtcDateTime, company_keys, unique_in_company, utc_now
from configurator.errors import StateRefused


class OrderState(StrEnum):
    """Where a sales order stands; how far its making is, the manufacturing order says."""

    AWAITING_ADDRESS = "awaiting_address"  # a sign that its buyer reads the mails to its address
    AWAITING_DEPOSIT = "awaiting_deposit"  # its slots are kept meanwhile, and nothing of it is started
    CONFIRMED = "confirmed"
    CLOSED = "closed"
    CANCELLED = "cancelled"


ORDER_TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    OrderState.AWAITING_ADDRESS: frozenset(
        {OrderState.AWAITING_DEPOSIT, OrderState.CONFIRMED, OrderState.CANCELLED}
    ),
    OrderState.AWAITING_DEPOSIT: frozenset(
        {OrderState.AWAITING_ADDRESS, OrderState.CONFIRMED, OrderState.CANCELLED}
    ),
    OrderState.CONFIRMED: frozenset({OrderState.CLOSED, OrderState.CANCELLED}),
    OrderState.CLOSED: frozenset(),
    OrderState.CANCELLED: frozenset(),
}


class QuoteState(StrEnum):
    """Where a revision of a quote stands; the quote stands where its newest revision does."""

    DRAFT = "draft"
    SENT = "sent"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"


QUOTE_TRANSITIONS: dict[QuoteState, frozenset[QuoteState]] = {
    QuoteState.DRAFT: frozenset({QuoteState.SENT}),
    QuoteState.SENT: frozenset(
        {QuoteState.ACCEPTED, QuoteState.DECLINED, QuoteState.SUPERSEDED, QuoteState.EXPIRED}
    ),
    QuoteState.ACCEPTED: frozenset(),
    QuoteState.DECLINED: frozenset({QuoteState.SUPERSEDED}),
    QuoteState.EXPIRED: frozenset({QuoteState.SUPERSEDED}),
    QuoteState.SUPERSEDED: frozenset(),
}


def _one_of(column: str, states: type[StrEnum]) -> str:
    return f"{column} in ({', '.join(repr(str(state)) for state in states)})"


def _price_checks(name: str) -> tuple[CheckConstraint, ...]:
    return (
        CheckConstraint("net_minor + tax_minor = gross_minor", name=f"{name}_adds_up"),
        CheckConstraint(
            "gross_minor >= 0 and net_minor >= 0 and tax_minor >= 0 and cost_minor >= 0", name=f"{name}_not_negative"
        ),
        CheckConstraint("exponent between 0 and 4", name=f"{name}_exponent"),
        CheckConstraint("length(currency) = 3", name=f"{name}_currency"),
        CheckConstraint("basis in ('net', 'gross')", name=f"{name}_basis_known"),
        CheckConstraint(
            "tax_reason in ('standard', 'zero_rated', 'reverse_charge')", name=f"{name}_tax_reason_known"
        ),
    )


def _delivery_checks(name: str) -> tuple[CheckConstraint, ...]:
    return (
        CheckConstraint(
            "delivery_net_minor + delivery_tax_minor = delivery_gross_minor and delivery_net_minor >= 0"
            " and delivery_tax_minor >= 0", name=f"{name}_delivery_adds_up",
        ),
        CheckConstraint("(delivery_way_id is null) = (delivery_kind is null)", name=f"{name}_delivery_has_kind"),
    )


def new_token() -> str:
    """128 random bits for a public address that nobody can guess."""
    return secrets.token_urlsafe(16)


class PriceColumns(SQLModel):
    """A price as a document keeps it: integer minor units, the rate as the price list wrote it, and why that rate.

    `cost_minor`: what it costs the company, in the document's currency; never shown to a customer. `exchange_rate`:
    units of the company's currency for one of the document's on that day, for the margin; None where it is not known.
    """

    currency: str = Field(max_length=3)  # ISO 4217
    exponent: int
    basis: str = Field(max_length=10)  # whether the items are before or after tax
    net_minor: int = Field(sa_type=BigInteger)
    tax_rate: str = Field(max_length=10)  # percent
    tax_minor: int = Field(sa_type=BigInteger)
    gross_minor: int = Field(sa_type=BigInteger)
    tax_reason: str = Field(max_length=20)
    cost_minor: int = Field(sa_type=BigInteger)
    exchange_rate: str | None = Field(default=None, max_length=30)  # an exact decimal


class PromiseColumns(SQLModel):
    """A promise as it was told: whether it was kept is judged by `arrives_on` in `zone`."""

    promise_at: datetime = Field(sa_type=UtcDateTime)
    dispatch_at: datetime = Field(sa_type=UtcDateTime)  # the carrier's cut-off
    carrier_code: str = Field(max_length=40)
    carrier_days: list[str] = Field(sa_type=JSON)  # its working days
    arrives_on: date
    zone: str = Field(max_length=60)  # IANA name, the ship-to's


class DeliveryKind(StrEnum):
    """Who brings it."""

    CARRIER = "carrier"
    OWN = "own"  # the company's own truck
    PICKUP = "pickup"  # nobody: the buyer has it at the plant


class PriceBy(StrEnum):
    """What the steps of a delivery's price are counted by."""

    VALUE = "value"  # of the goods, with tax, in whole units of the currency
    WEIGHT = "weight"  # of the goods, in kilograms


class DeliveryWay(CompanyRow, table=True):
    """How finished products get to one region: how long it takes and what it costs. A retired one is no longer offered.

    `postal_prefixes`: how the region's postal codes begin; empty: the whole country. `steps`: [from, price] in decimals
    as they were typed, ascending from 0; prices are before or after tax as the goods' price list is.
    """

    __tablename__ = "delivery_way"
    __table_args__ = company_keys(
        CheckConstraint(_one_of("kind", DeliveryKind), name="delivery_kind_known"),
        CheckConstraint(_one_of("price_by", PriceBy), name="delivery_price_by_known"),
        CheckConstraint("transit_days between 0 and 90", name="delivery_transit_range"),
        CheckConstraint("length(cutoff) = 5", name="delivery_cutoff_is_hh_mm"),
        CheckConstraint("length(country) = 2 and length(currency) = 3", name="delivery_codes"),
        Index("ix_delivery_way_country", "company_id", "country"),
    )

    kind: str = Field(max_length=20)
    name: dict[str, str] = Field(sa_type=JSON)  # zh, en
    country: str = Field(max_length=2)  # ISO 3166-1 alpha-2
    postal_prefixes: list[str] = Field(sa_type=JSON)
    transit_days: int  # working days of whoever brings it
    cutoff: str = Field(max_length=5)  # HH:MM, local to the plant
    working_days: list[str] = Field(sa_type=JSON)
    currency: str = Field(max_length=3)
    price_by: str = Field(default=PriceBy.VALUE, max_length=20)
    steps: list[list[str]] = Field(sa_type=JSON)
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DeliveryColumns(SQLModel):
    """The way of delivery that was chosen, in its words of then, and its part of the document's price.

    Without a way the plant's carrier brings it, and its price is part of the goods'.
    """

    delivery_way_id: int | None = None
    delivery_kind: str | None = Field(default=None, max_length=20)
    delivery_name: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    delivery_net_minor: int = Field(default=0, sa_type=BigInteger)
    delivery_tax_minor: int = Field(default=0, sa_type=BigInteger)
    delivery_gross_minor: int = Field(default=0, sa_type=BigInteger)


class Quote(CompanyRow, table=True):
    """An offer to one customer, through all its revisions. A draft has no number; the first sending draws it."""

    __table_args__ = company_keys(
        unique_in_company("number"),
        CheckConstraint("validity_days between 1 and 365", name="validity_days_range"),
        customer_id="party",
        bill_to_id="party",
        created_by="user_account",
    )

    number: str | None = Field(default=None, max_length=20)
    customer_id: int
    bill_to_id: int | None = None  # None: the invoice names nobody else
    purchase_order: str = Field(default="", max_length=60)  # the customer's own number
    country: str = Field(max_length=2)  # ship-to, ISO 3166-1 alpha-2: decides tax and transit
    postal_code: str = Field(default="", max_length=20)  # ship-to, as far as it is known: decides the ways of delivery
    locale: str = Field(max_length=20)
    validity_days: int
    created_by: int
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class QuoteRevision(CompanyRow, PriceColumns, PromiseColumns, DeliveryColumns, table=True):
    """One state of a quote: a configuration, its price, its date. After it was sent only its state still moves.

    Without a way of delivery its buyer chooses one with the order.

    `comment` is what the customer wrote when declining; it may be emptied when that person is to be forgotten.
    """

    __tablename__ = "quote_revision"
    __table_args__ = company_keys(
        unique_in_company("quote_id", "number"),
        unique_in_company("token"),
        CheckConstraint("number >= 1", name="quote_revision_number_positive"),
        CheckConstraint(_one_of("state", QuoteState), name="quote_revision_state_known"),
        CheckConstraint(
            "(state = 'draft') = (sent_at is null) and (sent_at is null) = (valid_until is null)",
            name="quote_revision_sent_has_instant",
        ),
        *_price_checks("quote_revision"),
        *_delivery_checks("quote_revision"),
        # At most one revision of a quote can still be accepted, or has been; and at most one can still be sent.
        Index(
            "uq_quote_revision_open", "company_id", "quote_id", unique=True,
            sqlite_where=text("state in ('sent', 'accepted')"), postgresql_where=text("state in ('sent', 'accepted')"),
        ),
        Index(
            "uq_quote_revision_draft", "company_id", "quote_id", unique=True,
            sqlite_where=text("state = 'draft'"), postgresql_where=text("state = 'draft'"),
        ),
        Index("ix_quote_revision_state_until", "state", "valid_until"),
        quote_id="quote",
        configuration_id="configuration",
        delivery_way_id="delivery_way",
    )

    quote_id: int
    number: int
    state: str = Field(default=QuoteState.DRAFT, max_length=20)
    token: str = Field(default_factory=new_token, max_length=40)
    configuration_id: int
    price_items: list[dict[str, Any]] = Field(sa_type=JSON)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    valid_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    comment: str = Field(default="", max_length=2000)


class SalesOrder(CompanyRow, PriceColumns, PromiseColumns, DeliveryColumns, table=True):
    """What a customer ordered, at which price (with its delivery), for which date."""

    __tablename__ = "sales_order"
    __table_args__ = company_keys(
        unique_in_company("number"),
        unique_in_company("token"),
        unique_in_company("quote_id"),  # a quote becomes one order
        CheckConstraint(_one_of("state", OrderState), name="sales_order_state_known"),
        *_price_checks("sales_order"),
        *_delivery_checks("sales_order"),
        Index("ix_sales_order_placed", "company_id", "placed_at"),
        Index("ix_sales_order_placed_by", "company_id", "placed_by"),
        customer_id="party",
        ship_to_id="party",
        bill_to_id="party",
        quote_id="quote",
        delivery_way_id="delivery_way",
        payment_terms_id="payment_terms",
        placed_by="user_account",
    )

    number: str = Field(max_length=20)
    token: str = Field(default_factory=new_token, max_length=40)
    state: str = Field(default=OrderState.CONFIRMED, max_length=20)
    customer_id: int
    ship_to_id: int
    bill_to_id: int | None = None  # None: the invoice names the ship-to
    purchase_order: str = Field(default="", max_length=60)  # the customer's own number
    quote_id: int | None = None
    locale: str = Field(max_length=20)
    terms_version: str | None = Field(default=None, max_length=40)  # which terms the buyer accepted
    payment_terms_id: int | None = None  # None: placed before there were versions of them
    placed_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    placed_by: int | None = None  # the account that was logged in


class SalesOrderItem(CompanyRow, table=True):
    """One unit of an order. The configuration names the three revisions; the key is pegged to what is made.

    Its price is in the order's currency and at the order's tax rate; `arrives_on`: the date promised for it. An order
    that was cancelled has no manufacturing order any more.
    """

    __tablename__ = "sales_order_item"
    __table_args__ = company_keys(
        unique_in_company("sales_order_id", "number"),
        unique_in_company("pegging_key"),
        CheckConstraint("number >= 1", name="sales_order_item_number_positive"),
        CheckConstraint("net_minor + tax_minor = gross_minor", name="sales_order_item_adds_up"),
        sales_order_id="sales_order",
        configuration_id="configuration",
        manufacturing_order_id="manufacturing_order",
    )

    sales_order_id: int
    number: int = 1
    configuration_id: int
    price_items: list[dict[str, Any]] = Field(sa_type=JSON)
    net_minor: int = Field(sa_type=BigInteger)
    tax_minor: int = Field(sa_type=BigInteger)
    gross_minor: int = Field(sa_type=BigInteger)
    arrives_on: date
    pegging_key: str = Field(max_length=40)
    manufacturing_order_id: int | None = None


class PaymentTermsVersion(CompanyRow, table=True):
    """Terms of payment as they were saved once; the newest are in force. `saved_by` nobody: as the settings say.

    `asked_from`, `asked_of_guests_from`: whole units of an order's currency, 0: never.
    """

    __tablename__ = "payment_terms"
    __table_args__ = company_keys(
        unique_in_company("number"),
        CheckConstraint("number >= 1", name="payment_terms_number_positive"),
        CheckConstraint("percent between 1 and 100", name="payment_terms_percent_range"),
        CheckConstraint("asked_from >= 0 and asked_of_guests_from >= 0", name="payment_terms_not_negative"),
        CheckConstraint("days between 1 and 60", name="payment_terms_days_range"),
        saved_by="user_account",
    )

    number: int
    percent: int
    asked_from: int = Field(sa_type=BigInteger)
    asked_of_guests_from: int = Field(sa_type=BigInteger)
    days: int
    providers: list[str] = Field(sa_type=JSON)
    saved_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    saved_by: int | None = None


class AddressState(StrEnum):
    """Where the confirmation of a mail address stands."""

    AWAITED = "awaited"
    CONFIRMED = "confirmed"
    LAPSED = "lapsed"  # the link was not opened in time, or its order was cancelled before
    REPLACED = "replaced"  # its buyer pays a deposit instead


ADDRESS_TRANSITIONS: dict[AddressState, frozenset[AddressState]] = {
    AddressState.AWAITED: frozenset({AddressState.CONFIRMED, AddressState.LAPSED, AddressState.REPLACED}),
    AddressState.CONFIRMED: frozenset(),
    AddressState.LAPSED: frozenset(),
    AddressState.REPLACED: frozenset({AddressState.AWAITED}),
}


class AddressCheck(CompanyRow, table=True):
    """That the buyer of an order is to confirm its mail address by a link. `sends`: how often the link was sent."""

    __tablename__ = "address_check"
    __table_args__ = company_keys(
        unique_in_company("sales_order_id"),
        CheckConstraint(_one_of("state", AddressState), name="address_check_state_known"),
        CheckConstraint("(state = 'awaited') = (decided_at is null)", name="address_check_decided_has_instant"),
        CheckConstraint("sends >= 1", name="address_check_was_sent"),
        Index("ix_address_check_state_due", "state", "due_at"),
        sales_order_id="sales_order",
    )

    sales_order_id: int
    due_at: datetime = Field(sa_type=UtcDateTime)
    state: str = Field(default=AddressState.AWAITED, max_length=20)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sends: int = 1
    sent_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class DepositState(StrEnum):
    """Where a deposit stands."""

    AWAITED = "awaited"
    RECEIVED = "received"
    LAPSED = "lapsed"  # it did not come in time, or its order was cancelled before
    REPLACED = "replaced"  # its buyer confirms the mail address instead


DEPOSIT_TRANSITIONS: dict[DepositState, frozenset[DepositState]] = {
    DepositState.AWAITED: frozenset({DepositState.RECEIVED, DepositState.LAPSED, DepositState.REPLACED}),
    DepositState.RECEIVED: frozenset(),
    DepositState.LAPSED: frozenset(),
    DepositState.REPLACED: frozenset({DepositState.AWAITED, DepositState.RECEIVED}),  # it comes all the same
}


class Deposit(CompanyRow, table=True):
    """What is to be paid before an order is made, in the order's currency. `refused_at`: when paying failed last."""

    __table_args__ = company_keys(
        unique_in_company("sales_order_id"),
        unique_in_company("reference"),
        CheckConstraint(_one_of("state", DepositState), name="deposit_state_known"),
        CheckConstraint("(state = 'awaited') = (decided_at is null)", name="deposit_decided_has_instant"),
        CheckConstraint("amount_minor > 0", name="deposit_positive"),
        Index("ix_deposit_state_due", "state", "due_at"),
        sales_order_id="sales_order",
    )

    sales_order_id: int
    provider: str = Field(max_length=20)
    reference: str = Field(max_length=40)  # what the buyer names when paying
    amount_minor: int = Field(sa_type=BigInteger)
    due_at: datetime = Field(sa_type=UtcDateTime)
    state: str = Field(default=DepositState.AWAITED, max_length=20)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    refused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PaymentEvent(CompanyRow, table=True):
    """What a payment provider, or sales by hand, told of a deposit or a refund, once each: again it changes nothing."""

    __tablename__ = "payment_event"
    __table_args__ = company_keys(
        unique_in_company("provider", "event"),
        CheckConstraint("(deposit_id is null) <> (refund_id is null)", name="payment_event_is_of_one"),
        CheckConstraint("amount_minor >= 0", name="payment_event_not_negative"),
        deposit_id="deposit",
        refund_id="refund",
    )

    provider: str = Field(max_length=20)
    event: str = Field(max_length=80)  # the provider's own id of it
    deposit_id: int | None = None
    refund_id: int | None = None
    outcome: str = Field(max_length=20)
    amount_minor: int = Field(default=0, sa_type=BigInteger)
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class RefundState(StrEnum):
    """Where a refund stands."""

    DUE = "due"
    PAID = "paid"


REFUND_TRANSITIONS: dict[RefundState, frozenset[RefundState]] = {
    RefundState.DUE: frozenset({RefundState.PAID}),
    RefundState.PAID: frozenset(),
}


class RefundCause(StrEnum):
    """Why money is owed back."""

    CANCELLED = "cancelled"
    CHEAPER = "cheaper"  # the order comes to less than what was paid
    OVERPAID = "overpaid"  # more was paid than was asked for


class Refund(CompanyRow, table=True):
    """Money that an order owes back, in its currency. `refused_at`: when paying it back failed last.

    `asked_at`: when the provider was asked for it; `decided_by`: who paid it by hand.
    """

    __table_args__ = company_keys(
        unique_in_company("sales_order_id", "number"),
        unique_in_company("reference"),
        CheckConstraint(_one_of("state", RefundState), name="refund_state_known"),
        CheckConstraint(_one_of("cause", RefundCause), name="refund_cause_known"),
        CheckConstraint("(state = 'due') = (decided_at is null)", name="refund_decided_has_instant"),
        CheckConstraint("amount_minor > 0", name="refund_positive"),
        CheckConstraint("number >= 1", name="refund_number_positive"),
        Index("ix_refund_state", "company_id", "state"),
        sales_order_id="sales_order",
        decided_by="user_account",
    )

    sales_order_id: int
    number: int
    provider: str = Field(max_length=20)
    reference: str = Field(max_length=40)
    amount_minor: int = Field(sa_type=BigInteger)
    cause: str = Field(max_length=20)
    state: str = Field(default=RefundState.DUE, max_length=20)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    refused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_by: int | None = None


class Deliveries(StrEnum):
    """How the units of a cart arrive."""

    TOGETHER = "together"  # all on the day on which the last one would
    APART = "apart"  # each as soon as it can


class Cart(CompanyRow, table=True):
    """What somebody has put together and not ordered yet; whoever has the token has the cart.

    `held_until`: when its last hold ends or ended; None: there was none, or it was given up.
    """

    __table_args__ = company_keys(
        unique_in_company("token"), CheckConstraint(_one_of("deliveries", Deliveries), name="deliveries_known"),
    )

    token: str = Field(default_factory=new_token, max_length=40)
    country: str = Field(max_length=2)  # ship-to, ISO 3166-1 alpha-2: decides tax and transit
    deliveries: str = Field(default=Deliveries.TOGETHER, max_length=20)
    held_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class CartItem(CompanyRow, table=True):
    """A variant in a cart, so many units of it."""

    __tablename__ = "cart_item"
    __table_args__ = company_keys(
        CheckConstraint("quantity >= 1", name="quantity_positive"),
        Index("ix_cart_item_cart", "company_id", "cart_id"),
        cart_id="cart",
        configuration_id="configuration",
    )

    cart_id: int
    configuration_id: int
    quantity: int = 1


class TakenOutItem(CompanyRow, table=True):
    """What was last taken out of a cart and can be put back; `arrives_on`: the last of its days, if all were held."""

    __tablename__ = "taken_out_item"
    __table_args__ = company_keys(
        CheckConstraint("quantity >= 1", name="taken_out_quantity_positive"),
        unique_in_company("cart_id"),
        cart_id="cart",
        configuration_id="configuration",
    )

    cart_id: int
    configuration_id: int
    quantity: int
    arrives_on: date | None = None


class Draft(CompanyRow, table=True):
    """A configuration that somebody keeps under a name: an account's, or that of the browser which has `holder`.

    Whoever has its own unguessable `token` can look at it.
    """

    __table_args__ = company_keys(
        unique_in_company("token"),
        CheckConstraint("(holder = '') = (user_id is not null)", name="draft_has_one_owner"),
        CheckConstraint("length(name) >= 1", name="draft_has_name"),
        Index("ix_draft_holder", "company_id", "holder"),
        Index("ix_draft_user", "company_id", "user_id"),
        configuration_id="configuration",
        taken_from_id="configuration",
        user_id="user_account",
    )

    name: str = Field(max_length=80)
    token: str = Field(default_factory=new_token, max_length=40)
    holder: str = Field(default="", max_length=40)
    user_id: int | None = None
    configuration_id: int
    taken_from_id: int | None = None  # somebody else's, as it was when this draft was made of it with own files
    country: str = Field(max_length=2)  # ship-to, ISO 3166-1 alpha-2
    changed_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class ItemRevision(CompanyRow, PriceColumns, PromiseColumns, table=True):
    """What an item was until it was changed; never changed itself. The item and its order have what is valid now."""

    __tablename__ = "item_revision"
    __table_args__ = company_keys(
        unique_in_company("item_id", "number"),
        CheckConstraint("number >= 1", name="item_revision_number_positive"),
        *_price_checks("item_revision"),
        item_id="sales_order_item",
        configuration_id="configuration",
    )

    item_id: int
    number: int
    configuration_id: int
    price_items: list[dict[str, Any]] = Field(sa_type=JSON)
    replaced_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class MovedDate(StrEnum):
    """Which date of an order moved."""

    PROMISE = "promise"  # the promised one, with the buyer's consent
    FORECAST = "forecast"  # the one by the present schedule left the promise, or moved on, or came back to it


class DateMove(CompanyRow, table=True):
    """A date that the buyer knew and that became another one. `reason`: a key of `sales.reasons.REASONS`."""

    __tablename__ = "date_move"
    __table_args__ = company_keys(
        CheckConstraint(_one_of("kind", MovedDate), name="date_move_kind_known"),
        CheckConstraint("was <> becomes", name="date_move_moves"),
        Index("ix_date_move_item", "company_id", "item_id"),
        item_id="sales_order_item",
    )

    item_id: int
    kind: str = Field(max_length=20)
    was: date
    becomes: date
    promised: date  # as it was promised then
    reason: str = Field(max_length=20)
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class DateWatch(CompanyRow, table=True):
    """What the buyer of an item was last told, where that is not the promise or the schedule says something else.

    `differs_since`: since when the schedule has been saying something else than `told`, all the time.
    """

    __tablename__ = "date_watch"
    __table_args__ = company_keys(
        unique_in_company("item_id"),
        item_id="sales_order_item",
    )

    item_id: int
    told: date
    differs_since: datetime | None = Field(default=None, sa_type=UtcDateTime)


State = TypeVar("State", bound=StrEnum)


def _must_follow(state: State, now: State, transitions: Mapping[State, frozenset[State]]) -> None:
    if state not in transitions[now]:
        raise StateRefused(field="state")


def move_order(order: SalesOrder, state: OrderState) -> None:
    """The only place that moves an order's state; raises StateRefused for a step that the table does not have."""
    _must_follow(state, OrderState(order.state), ORDER_TRANSITIONS)
    order.state = state


def move_refund(refund: Refund, state: RefundState, at: datetime, *, by: int | None = None) -> None:
    """The only place that moves a refund's state; raises StateRefused for a step that the table does not have."""
    _must_follow(state, RefundState(refund.state), REFUND_TRANSITIONS)
    refund.state, refund.decided_at, refund.decided_by = state, at, by


def move_deposit(deposit: Deposit, state: DepositState, at: datetime | None) -> None:
    """The only place that moves a deposit's state; raises StateRefused for a step that the table does not have."""
    _must_follow(state, DepositState(deposit.state), DEPOSIT_TRANSITIONS)
    deposit.state, deposit.decided_at = state, at


def move_check(check: AddressCheck, state: AddressState, at: datetime | None) -> None:
    """The only place that moves a check's state; raises StateRefused for a step that the table does not have."""
    _must_follow(state, AddressState(check.state), ADDRESS_TRANSITIONS)
    check.state, check.decided_at = state, at


def move_quote(revision: QuoteRevision, state: QuoteState) -> None:
    """The only place that moves a revision's state; raises StateRefused for a step that the table does not have."""
    _must_follow(state, QuoteState(revision.state), QUOTE_TRANSITIONS)
    revision.state = state


# What a revision never changes once it was sent.
_FROZEN = (
    "id", "company_id", "quote_id", "number", "token", "configuration_id", "price_items", "created_at", "sent_at",
    "valid_until", *PriceColumns.model_fields, *PromiseColumns.model_fields, *DeliveryColumns.model_fields,
)
_JSON_COLUMNS = {"price_items", "carrier_days", "delivery_name"}


def item_revision_triggers(dialect: str) -> list[str]:
    """Statements that keep earlier revisions of an order's items as they are (`sqlite` or `postgresql`)."""
    return _untouchable("item_revision", dialect)


def payment_terms_triggers(dialect: str) -> list[str]:
    """Statements that keep saved terms of payment as they are (`sqlite` or `postgresql`)."""
    return _untouchable("payment_terms", dialect)


def _untouchable(table: str, dialect: str) -> list[str]:
    refuse = f"{table} is immutable"
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{deed.lower()} BEFORE {deed} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{refuse}'); END"
            for deed in ("UPDATE", "DELETE")
        ]
    if dialect == "postgresql":
        return [
            f"""CREATE OR REPLACE FUNCTION {table}_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '{refuse}';
END $$""",
            f"CREATE TRIGGER {table}_immutable BEFORE UPDATE OR DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {table}_immutable()",
        ]
    raise ValueError(f"No triggers for {dialect}.")


def quote_triggers(dialect: str) -> list[str]:
    """Statements that make sent quote revisions immutable in the database (`sqlite` or `postgresql`)."""
    refuse = "quote_revision is immutable once sent"
    if dialect == "sqlite":
        changed = " OR ".join(f"NEW.{c} IS NOT OLD.{c}" for c in _FROZEN)
        stop = f"BEGIN SELECT RAISE(ABORT, '{refuse}'); END"
        return [
            "CREATE TRIGGER quote_revision_no_update BEFORE UPDATE ON quote_revision"
            f" WHEN OLD.state <> 'draft' AND (NEW.state = 'draft' OR {changed}) {stop}",
            f"CREATE TRIGGER quote_revision_no_delete BEFORE DELETE ON quote_revision WHEN OLD.state <> 'draft' {stop}",
        ]
    if dialect == "postgresql":
        cast = {c: f"{c}::text" if c in _JSON_COLUMNS else c for c in _FROZEN}
        changed = " OR ".join(f"NEW.{cast[c]} IS DISTINCT FROM OLD.{cast[c]}" for c in _FROZEN)
        return [
            f"""CREATE OR REPLACE FUNCTION quote_revision_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state <> 'draft' THEN
    IF TG_OP = 'DELETE' THEN
      RAISE EXCEPTION '{refuse}';
    ELSIF NEW.state = 'draft' OR {changed} THEN
      RAISE EXCEPTION '{refuse}';
    END IF;
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$""",
            "CREATE TRIGGER quote_revision_immutable BEFORE UPDATE OR DELETE ON quote_revision"
            " FOR EACH ROW EXECUTE FUNCTION quote_revision_immutable()",
        ]
    raise ValueError(f"No triggers for {dialect}.")


_TRIGGERS = {
    "quote_revision": quote_triggers, "item_revision": item_revision_triggers, "payment_terms": payment_terms_triggers,
}


def _create_triggers(table: Any, connection: Any, **_: Any) -> None:
    for statement in _TRIGGERS[table.name](connection.dialect.name):
        connection.exec_driver_sql(statement.replace("%", "%%"))


for _name in _TRIGGERS:
    event.listen(SQLModel.metadata.tables[_name], "after_create", _create_triggers)
