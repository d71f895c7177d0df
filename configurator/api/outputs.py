"""What the API answers. Texts come in both languages; money in integer minor units; instants in UTC."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from catalog.products import Goal
from configurator.planning.models import OperationState
from solver.configuration.session import OptionState


class Answer(BaseModel):
    """Base of every answer: nothing is sent that the document does not name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(Answer):
    """Words for people."""

    zh: str
    en: str


class ErrorField(Answer):
    """One input that was refused."""

    field: str
    message: str


class ErrorDetail(Answer):
    """`code` is for programs and never changes, `message` is for people. More fields say what is true now."""

    model_config = ConfigDict(extra="allow", frozen=True)

    code: str
    message: str
    field: str | None
    fields: list[ErrorField] = []


class ErrorAnswer(Answer):
    """What every refusal looks like."""

    error: ErrorDetail


# --- products ---------------------------------------------------------------------------------------------------------


class ProductLine(Answer):
    """A product in the list."""

    code: str
    name: Words
    description: Words


class ProductsAnswer(Answer):
    """All products on offer."""

    products: list[ProductLine]


class Revisions(Answer):
    """The three published revisions that an answer was made under."""

    product: int
    price_list: int
    manufacturing: int


class StepAnswer(Answer):
    """A page of questions."""

    id: str
    name: Words


class OptionAnswer(Answer):
    """An answer to a question. `numbers` are what rules and formulas know of it."""

    id: str
    name: Words
    benefit: Words | None
    swatch: str | None
    numbers: dict[str, int]


class GroupAnswer(Answer):
    """A question: between `minimum` and `maximum` of its options are chosen, where `when` holds; elsewhere none is."""

    id: str
    step: str
    name: Words
    help: Words | None
    minimum: int
    maximum: int
    default: str | None
    options: list[OptionAnswer]
    when: str | None


class ParameterAnswer(Answer):
    """A whole number to enter, where `when` holds: minimum, minimum + step_size, … maximum, in `unit`.

    Elsewhere it is `otherwise` and is not entered.
    """

    id: str
    step: str
    name: Words
    help: Words | None
    unit: str | Words
    minimum: int
    maximum: int
    step_size: int
    default: int | None
    when: str | None
    otherwise: int


class PatternAnswer(Answer):
    """Other limits of a text where `when` holds; null: the text's own."""

    when: str
    minimum_length: int | None
    maximum_length: int | None
    pattern: str | None


class TextAnswer(Answer):
    """Words to type: `minimum_length` to `maximum_length` characters that match `pattern`; only where `requires` holds.

    The first of `patterns` whose condition holds takes the place of these limits.
    """

    id: str
    step: str
    name: Words
    help: Words | None
    maximum_length: int
    pattern: str | None
    requires: str | None
    minimum_length: int
    patterns: list[PatternAnswer]


class UploadQuestionAnswer(Answer):
    """A file to send (`/uploads`), of one of these kinds by its content; only where `when` holds."""

    id: str
    step: str
    name: Words
    help: Words | None
    kinds: list[Literal["pdf", "png", "jpeg", "svg"]]
    most_megabytes: int
    when: str | None


class UploadAnswer(Answer):
    """A file that is kept. `answer` goes into the texts of a variant, by the question that asked for it.

    `key` is the owner's: whoever orders with the file sends it too, and nobody else needs to know it. It is null for
    files of a login, which owns them. What no order or hold has for 30 days is deleted.
    """

    answer: str
    kind: Literal["pdf", "png", "jpeg", "svg"]
    size: int
    name: str
    key: str | None


class RuleAnswer(Answer):
    """What must hold, as a sentence."""

    id: str
    text: Words


class PresetAnswer(Answer):
    """A named place to start from."""

    id: str
    name: Words
    benefit: Words | None
    choices: dict[str, str]


class InstanceAnswer(Answer):
    """One of several like parts of the product, e.g. a drawer. `questions`: its ids and their names inside it."""

    id: str
    component: str
    number: int
    name: Words
    questions: dict[str, Words]


class ProductAnswer(Answer):
    """A product as it is offered now."""

    code: str
    name: Words
    description: Words
    revisions: Revisions
    goals: list[Goal]
    currency: str
    exponent: int
    countries: list[str]
    steps: list[StepAnswer]
    groups: list[GroupAnswer]
    parameters: list[ParameterAnswer]
    texts: list[TextAnswer]
    uploads: list[UploadQuestionAnswer]
    components: list[InstanceAnswer]
    rules: list[RuleAnswer]
    presets: list[PresetAnswer]


# --- deciding ---------------------------------------------------------------------------------------------------------


class ChoiceAnswer(Answer):
    """An option that is wanted, or not."""

    group: str
    option: str
    chosen: bool


class EntryAnswer(Answer):
    """A number that is entered."""

    parameter: str
    value: int


DecisionAnswer = ChoiceAnswer | EntryAnswer


class RangeAnswer(Answer):
    """minimum, minimum + step_size, … maximum."""

    minimum: int
    maximum: int
    step_size: int


class UndecidedAnswer(Answer):
    """An option that time did not settle."""

    group: str
    option: str


class VariantAnswer(Answer):
    """A complete configuration; it can be sent back as it is."""

    chosen: dict[str, list[str]]
    numbers: dict[str, int]
    texts: dict[str, str]


class PriceItemAnswer(Answer):
    """One line of the price."""

    id: str
    name: Words
    amount_minor: int


class PriceAnswer(Answer):
    """The itemised price in minor units: net + tax = gross; the items are on `basis`. `rate` is in percent."""

    items: list[PriceItemAnswer]
    net_minor: int
    tax_minor: int
    gross_minor: int
    rate: str
    tax_reason: str
    basis: Literal["net", "gross"]
    currency: str
    exponent: int


class RefusedText(Answer):
    """A text that this product or these choices do not take."""

    text: str
    message: str


class DomainsAnswer(Answer):
    """The decisions hold together; this is what every option still is.

    `open` and `implied` options can be chosen beside the decisions (another one of the same question gives way),
    `excluded` ones cannot: proved. What time did not settle is in `undecided` and is never called excluded. Texts that
    cannot be made are in `refused_texts` and are neither part of `completion` nor priced.
    """

    status: Literal["valid"]
    decisions: list[DecisionAnswer]
    options: dict[str, dict[str, OptionState]]
    numbers: dict[str, list[RangeAnswer]]
    undecided: list[UndecidedAnswer]
    open_questions: list[str]
    refused_texts: list[RefusedText]
    completion: VariantAnswer
    price: PriceAnswer | None
    revisions: Revisions


class ChangeAnswer(Answer):
    """One decision, before and after; null: it is dropped, or it is new."""

    old: DecisionAnswer | None
    new: DecisionAnswer | None


class RepairAnswer(Answer):
    """A way out: which decisions change from what to what, and all decisions afterwards."""

    changes: list[ChangeAnswer]
    decisions: list[DecisionAnswer]


class ConflictAnswer(Answer):
    """These decisions and rules cannot hold together; leaving any one of them out, the others can."""

    status: Literal["conflict"]
    decisions: list[DecisionAnswer]
    rules: list[RuleAnswer]
    repairs: Annotated[list[RepairAnswer], Field(min_length=1)]
    revisions: Revisions


class DecideAnswer(RootModel[Annotated[DomainsAnswer | ConflictAnswer, Field(discriminator="status")]]):
    """The decisions hold together, or they do not."""


# --- promise and order ------------------------------------------------------------------------------------------------


class DateAnswer(Answer):
    """When it would be there: today's forecast, held by nobody until it is ordered."""

    arrives_on: date
    zone: str
    completes_at: datetime
    promise_at: datetime
    dispatch_at: datetime
    plant: Words
    carrier: Words


class WayAnswer(Answer):
    """A way of delivery: what it costs with tax beside these goods, and when the last unit is there by it.

    `kind` says who brings it; with `pickup` the buyer can have it at the plant from that day on.
    """

    code: str
    kind: Literal["carrier", "own", "pickup"]
    name: Words
    gross_minor: int
    arrives_on: date | None


class AssuranceAnswer(Answer):
    """What an order waits for before anything of it is made, and when its last unit would be there.

    `address`: the buyer opens a link that is sent to the mail address; `deposit`: `amount_minor` is paid.
    """

    kind: Literal["address", "deposit"]
    amount_minor: int
    arrives_on: date | None


class PromiseAnswer(Answer):
    """Price and date of one unit of a variant, delivered by `delivery`, one of `ways`; the price includes it.

    `ways` is empty where there is nothing to choose: then a carrier of the plant brings it at no extra charge.
    `assurance` is what the order waits for (null: for nothing), one of `assurances` where there is a choice.
    """

    variant: VariantAnswer
    price: PriceAnswer
    date: DateAnswer
    delivery: str | None
    ways: list[WayAnswer]
    assurance: Literal["address", "deposit"] | None
    deposit_minor: int
    assurances: list[AssuranceAnswer]
    revisions: Revisions


class HeldItemAnswer(Answer):
    """An item of a hold. `held`: how many of its units have their capacity and material."""

    product: str
    quantity: int
    held: int
    gross_minor: int | None
    arrives_on: date | None


class HoldAnswer(Answer):
    """Capacity and material that are kept until `expires_at`; null: it is over, and these are today's price and date.

    `token` opens it, and whoever has it can order it. `price` is that of all units with their delivery, and
    `arrives_on` the day of the last one.
    """

    token: str
    expires_at: datetime | None
    items: list[HeldItemAnswer]
    price: PriceAnswer | None
    arrives_on: date | None
    delivery: str | None
    ways: list[WayAnswer]
    assurance: Literal["address", "deposit"] | None
    deposit_minor: int
    assurances: list[AssuranceAnswer]


class OrderAnswer(Answer):
    """The order that was placed. `token` opens its page; whoever has it can read it."""

    number: str
    token: str
    gross_minor: int
    currency: str
    exponent: int
    arrives_on: date
    promise_at: datetime


class ReadableAnswer(Answer):
    """A question and what was chosen or typed."""

    id: str
    question: Words
    answers: list[Words]
    typed: str


class InvoiceAnswer(Answer):
    """What the invoice says that the delivery does not; what is empty is as delivered."""

    company: str
    tax_number: str
    purchase_order: str
    name: str
    street: str
    postal_code: str
    city: str
    region: str
    country: str


class AddressAnswer(Answer):
    """Who ordered, and where it goes. `invoice`: null if it is as delivered."""

    name: str
    mail: str
    phone: str
    street: str
    postal_code: str
    city: str
    region: str
    country: str
    invoice: InvoiceAnswer | None


class TrackedDates(Answer):
    """What was promised: it is kept if the parcel is there on `arrives_on`, a date in `zone`."""

    promise_at: datetime
    dispatch_at: datetime
    arrives_on: date
    zone: str


class OperationAnswer(Answer):
    """A step of the making."""

    name: Words
    line: Words
    plant: Words
    state: Literal["planned", "started", "finished"]
    starts_at: datetime
    ends_at: datetime


class MakingAnswer(Answer):
    """How far it is: the present forecast, and what really was once it is made."""

    state: Literal["planned", "started", "made", "cancelled"]
    operations: list[OperationAnswer]
    forecast_at: datetime
    forecast_arrives_on: date
    actual_at: datetime | None
    keeps_promise: bool


class UnitAnswer(Answer):
    """A unit of an order: what it is, what it costs with tax and when it was promised. `making`: null if cancelled."""

    number: int
    product: str
    variant: VariantAnswer
    gross_minor: int
    arrives_on: date
    making: MakingAnswer | None


class RefundAnswer(Answer):
    """Money that is owed back, or was paid back."""

    reference: str
    amount_minor: int
    state: Literal["due", "paid"]


class InsteadAnswer(Answer):
    """What an order could wait for instead, until when, and the day on which its last unit would then be there."""

    kind: Literal["address", "deposit"]
    until: datetime
    amount_minor: int
    arrives_on: date


class AwaitedAnswer(Answer):
    """What an order waits for before it is made: a deposit, or that its buyer opens the link in our mail.

    `instead`: what its buyer can choose in its place, null where there is no choice.
    """

    kind: Literal["address", "deposit"]
    until: datetime
    amount_minor: int
    instead: InsteadAnswer | None


class TrackedOrderAnswer(Answer):
    """An order as its buyer may read it. Of several units the first is described, and the making of the last to come.

    `making` is null once the order was cancelled, `delivery` where a carrier of the plant brings it at no extra charge,
    `waits_for` where it waits for nothing.
    """

    number: str
    state: str
    waits_for: AwaitedAnswer | None
    placed_at: datetime
    product: ProductLine
    choices: list[ReadableAnswer]
    variant: VariantAnswer
    price: PriceAnswer
    buyer: AddressAnswer
    promise: TrackedDates
    making: MakingAnswer | None
    units: list[UnitAnswer]
    delivery: WayAnswer | None
    refunds: list[RefundAnswer]


class AnalysisAnswer(Answer):
    """A catalog file that was handed in: how far its analysis is, and what it says. `share`: from 0 to 1.

    `stopping`: somebody has stopped it, and it has not ended yet. What it had found is then its report.
    `decision`: whether it was published. `report` is null until the analysis has ended; its sentences are in the
    language of the request, names and rules in both.
    """

    token: str
    filename: str
    analysis: Literal["queued", "running", "done", "failed", "cancelled"]
    step: str
    share: float
    stopping: bool
    decision: Literal["open", "published", "discarded"]
    report: dict[str, Any] | None


class LeftOutRule(Answer):
    """A rule that UVL cannot say."""

    rule: str
    why: str


class WrittenOut(Answer):
    """A component that is no feature with a cardinality: a feature stands for each answer of each of its instances."""

    component: str
    why: str


class RulesAnswer(Answer):
    """A product's options and rules as UVL: a model that is equivalent, but for the rules that are left out."""

    product: str
    revision: int
    uvl: str
    left_out: list[LeftOutRule]
    written_out: list[WrittenOut]


class ModelNote(Answer):
    """What had to be assumed of a line (0: of the file as a whole)."""

    file: str
    line: int
    message: str


class FeatureModelAnswer(Answer):
    """What a feature model holds, and the analysis of it, which is that of a product in a catalog file's report.

    `facts`: what compiling found; null if nothing is valid. Options are called as the features that they stand for.
    """

    features: int
    groups: int
    constraints: int
    notes: list[ModelNote]
    facts: dict[str, Any] | None
    analysis: dict[str, Any]


# --- partners ---------------------------------------------------------------------------------------------------------


class CapacityAnswer(Answer):
    """Promised by from now on, until `good_until`. `number` counts the posts.

    `moved`: orders of ours that were not taken into account and had to go elsewhere; read the reservations again.
    """

    number: int
    valid_at: datetime
    good_until: datetime
    moved: list[str]


class ReservedOperation(Answer):
    """An operation: on which lines it can be made, in how many working seconds, and where it stands now."""

    id: str
    state: OperationState
    lines: dict[str, int]
    after: dict[str, int]
    family: str | None
    materials: dict[str, int]
    line: str
    start: int
    end: int


class ReservedOrder(Answer):
    """An order of ours, to be made by `promise`. Nothing of it begins before `release`."""

    id: str
    release: int
    promise: int | None
    operations: list[ReservedOperation]


class ReservationsAnswer(Answer):
    """What we have reserved in a partner's plant; instants in seconds since 1970. `version` rises with every change."""

    version: int
    orders: list[ReservedOrder]
