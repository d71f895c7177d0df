"""Manufacturing orders and their operations, every change of a plant's schedule, proposals of better ones."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Column, ColumnElement, Index
from sqlmodel import Field, select

from catalog.rows import CompanyRow, UtcDateTime, company_keys, unique_in_company, utc_now
from configurator.errors import StateRefused


class OrderState(StrEnum):
    """Where a manufacturing order stands; it follows its operations."""

    PLANNED = "planned"
    STARTED = "started"
    MADE = "made"
    CANCELLED = "cancelled"  # it gave its slots back before anything of it had begun


OPEN_ORDERS = (OrderState.PLANNED.value, OrderState.STARTED.value)


class OperationState(StrEnum):
    """What the shop floor has reported of an operation."""

    PLANNED = "planned"
    STARTED = "started"
    FINISHED = "finished"


class ProposalState(StrEnum):
    """What the planner did with a proposed schedule."""

    PROPOSED = "proposed"
    PUBLISHED = "published"
    DISCARDED = "discarded"


class EventKind(StrEnum):
    """Why a plant's schedule has a new version."""

    RESERVED = "reserved"  # a new order got its slots, or those of a hold (`instead_of`: the number that it had there)
    CHANGED = "changed"  # an order is made differently, in other slots
    RELEASED = "released"  # orders gave their slots back, or a hold ended (`numbers`: theirs)
    REPORTED = "reported"  # the floor reported starts and finishes; what they push has moved
    PUBLISHED = "published"  # another schedule: a proposal, which the event names, or the system's, with its moves


ORDER_TRANSITIONS: dict[StrEnum, frozenset[StrEnum]] = {
    OrderState.PLANNED: frozenset({OrderState.STARTED, OrderState.CANCELLED}),
    OrderState.STARTED: frozenset({OrderState.MADE}),
    OrderState.MADE: frozenset(),
    OrderState.CANCELLED: frozenset(),
}
OPERATION_TRANSITIONS: dict[StrEnum, frozenset[StrEnum]] = {
    OperationState.PLANNED: frozenset({OperationState.STARTED}),
    OperationState.STARTED: frozenset({OperationState.FINISHED}),
    OperationState.FINISHED: frozenset(),
}
PROPOSAL_TRANSITIONS: dict[StrEnum, frozenset[StrEnum]] = {
    ProposalState.PROPOSED: frozenset({ProposalState.PUBLISHED, ProposalState.DISCARDED}),
    ProposalState.PUBLISHED: frozenset(),
    ProposalState.DISCARDED: frozenset(),
}
# A table each: members of two string enums that have the same value are the same key.
TRANSITIONS: dict[type[StrEnum], dict[StrEnum, frozenset[StrEnum]]] = {
    OrderState: ORDER_TRANSITIONS,
    OperationState: OPERATION_TRANSITIONS,
    ProposalState: PROPOSAL_TRANSITIONS,
}


class ManufacturingOrder(CompanyRow, table=True):
    """One unit to make in one plant, with its four dates and the promise given for it.

    `release_at`: nothing starts earlier. `due_at`: wanted by. `promise_at`: the completion told to the buyer; it is
    kept if the parcel leaves by `dispatch_at`, which brings it on `arrives_on`. `completes_at`: forecast by the present
    schedule. `finished_at`: actual. `grace_until`: nothing of it is frozen or begun earlier (None: it may be at once).
    `sent_files`: what its buyer sent for it, as question (zh, en) and answer (`catalog.uploads.SentFile`).
    `work_order`: the operations as they were at release (`records.work_order_from`).
    """

    __tablename__ = "manufacturing_order"
    __table_args__ = company_keys(
        unique_in_company("number"),
        CheckConstraint("state in ('planned','started','made','cancelled')", name="manufacturing_order_state_known"),
        CheckConstraint("(state = 'made') = (finished_at is not null)", name="made_has_instant"),
        CheckConstraint("priority >= 1", name="priority_positive"),
        CheckConstraint("promise_at <= dispatch_at", name="dispatched_after_promise"),
        CheckConstraint("transit_days >= 0", name="transit_not_negative"),
        Index("ix_manufacturing_order_plant_state", "company_id", "plant_id", "state"),
        Index("ix_manufacturing_order_pegging", "company_id", "pegging_key"),
        plant_id="plant",
        manufacturing_revision_id="manufacturing_revision",
    )

    plant_id: int
    number: str = Field(max_length=40)
    pegging_key: str = Field(max_length=40)  # opaque: whoever ordered it knows what it means
    product_name: dict[str, Any] = Field(sa_type=JSON)
    manufacturing_revision_id: int
    priority: int = 1  # weight of a second late
    state: str = Field(default=OrderState.PLANNED, max_length=20)
    release_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    promise_at: datetime = Field(sa_type=UtcDateTime)
    dispatch_at: datetime = Field(sa_type=UtcDateTime)
    arrives_on: date
    carrier_code: str = Field(max_length=40)
    carrier_name: dict[str, Any] = Field(sa_type=JSON)
    carrier_cutoff: str = Field(max_length=5)  # local to the plant
    carrier_days: list[str] = Field(sa_type=JSON)  # the carrier's working days as promised
    transit_days: int
    country: str = Field(max_length=2)
    zone: str = Field(max_length=60)  # of the ship-to: the promised date is a date there
    completes_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    grace_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    work_order: dict[str, Any] = Field(sa_type=JSON)
    sent_files: list[dict[str, Any]] | None = Field(default=None, sa_type=JSON)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class ManufacturingOperation(CompanyRow, table=True):
    """One operation of an order on its line. `started_at`, `finished_at`: reported; `starts_at`, `ends_at`: scheduled.

    Once it is started its materials have been taken from `material.stock`.
    """

    __tablename__ = "manufacturing_operation"
    __table_args__ = company_keys(
        unique_in_company("order_id", "operation"),
        CheckConstraint("state in ('planned','started','finished')", name="operation_state_known"),
        CheckConstraint("starts_at < ends_at", name="operation_starts_before_end"),
        CheckConstraint("(state = 'planned') = (started_at is null)", name="started_has_instant"),
        CheckConstraint("(state = 'finished') = (finished_at is not null)", name="finished_has_instant"),
        Index("ix_manufacturing_operation_window", "company_id", "plant_id", "starts_at"),
        Index("ix_manufacturing_operation_state", "company_id", "plant_id", "state", "starts_at"),
        Index("ix_manufacturing_operation_line", "company_id", "line_id", "ends_at"),
        order_id="manufacturing_order",
        plant_id="plant",
        line_id="line",
    )

    order_id: int
    plant_id: int
    line_id: int
    position: int  # in the routing
    operation: str = Field(max_length=40)
    name: dict[str, Any] = Field(sa_type=JSON)
    family: str | None = Field(default=None, max_length=40)
    starts_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime = Field(sa_type=UtcDateTime)
    state: str = Field(default=OperationState.PLANNED, max_length=20)
    pinned: bool = False
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    needs: dict[str, int] = Field(default_factory=dict, sa_type=JSON)  # material code -> whole units


class Transfer(CompanyRow, table=True):
    """What one plant makes for an order of another one, and the transport that it goes with.

    `part_order_id`: the order that makes it; `order_id`: the one that goes on with it, whose operations that need it
    start at `arrives_at` or later. `part`, `name`: as in the routing. The part has to be made by its order's
    `dispatch_at`, and rests from then on if it has to. One that misses its departure takes the next.
    """

    __table_args__ = company_keys(
        unique_in_company("part_order_id"),
        CheckConstraint("part_order_id <> order_id", name="transfer_between_two"),
        CheckConstraint("leaves_at < arrives_at", name="transfer_leaves_before_arrival"),
        Index("ix_transfer_order", "company_id", "order_id"),
        Index("ix_transfer_leaves", "company_id", "leaves_at"),
        part_order_id="manufacturing_order",
        order_id="manufacturing_order",
    )

    part_order_id: int
    order_id: int
    part: str = Field(max_length=40)
    name: dict[str, Any] = Field(sa_type=JSON)
    leaves_at: datetime = Field(sa_type=UtcDateTime)
    arrives_at: datetime = Field(sa_type=UtcDateTime)


class PlanningMargins(CompanyRow, table=True):
    """Minutes that a company keeps around what it promises: `margins.Margins`. At most one row a company."""

    __tablename__ = "planning_margins"
    __table_args__ = company_keys(
        unique_in_company(),
        CheckConstraint(
            "buffer_minutes >= 0 and grace_minutes >= 0 and near_minutes >= 0", name="planning_margins_not_negative"
        ),
    )

    buffer_minutes: int
    grace_minutes: int
    near_minutes: int


class PartnerCapacity(CompanyRow, table=True):
    """What is free in a partner's plant, as it was posted last: `capacity.FreeCapacity` at `valid_at`.

    `number` counts the posts. `accounted`: which of our orders there what is free is beside of: number -> operation ->
    [line, start, end], as the partner places them (`partners.Accounted`); it knew our schedule of `accounted_version`.
    `sha256`: of all that was posted.
    """

    __tablename__ = "partner_capacity"
    __table_args__ = company_keys(
        unique_in_company("plant_id"),
        CheckConstraint("number >= 1", name="partner_capacity_number_positive"),
        CheckConstraint("accounted_version >= 0", name="partner_capacity_version_not_negative"),
        CheckConstraint("length(sha256) = 64", name="partner_capacity_sha256_length"),
        plant_id="plant",
    )

    plant_id: int
    number: int
    valid_at: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    content: dict[str, Any] = Field(sa_type=JSON)
    accounted: dict[str, dict[str, list[Any]]] = Field(default_factory=dict, sa_type=JSON)
    accounted_version: int = 0
    sha256: str = Field(max_length=64)


class PartnerKey(CompanyRow, table=True):
    """By what a partner's system is known when it speaks for its plant; only the hash of the key is kept."""

    __tablename__ = "partner_key"
    __table_args__ = company_keys(
        unique_in_company("plant_id"),
        CheckConstraint("length(key_hash) = 64", name="partner_key_hash_length"),
        plant_id="plant",
    )

    plant_id: int
    key_hash: str = Field(max_length=64)
    made_at: datetime = Field(sa_type=UtcDateTime)


class Hold(CompanyRow, table=True):
    """Capacity and material kept until an instant for somebody who has not ordered yet, renewed once at most.

    `pegging_key` is opaque, like an order's; it has one hold at a time. `anonymous`: for somebody who does not work
    here; such holds take a share of a line's week at most. `lapses`: it ends by itself; otherwise whoever made it ends
    it.
    """

    __table_args__ = company_keys(
        unique_in_company("pegging_key"),
        Index("ix_hold_expires", "expires_at"),
    )

    pegging_key: str = Field(max_length=40)
    anonymous: bool
    expires_at: datetime = Field(sa_type=UtcDateTime)
    lapses: bool = True
    renewed: bool = False
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class HeldOrder(CompanyRow, table=True):
    """A manufacturing order that only keeps its slots: nobody starts it, and it goes when its hold ends."""

    __tablename__ = "held_order"
    __table_args__ = company_keys(
        unique_in_company("manufacturing_order_id"),
        Index("ix_held_order_hold", "company_id", "hold_id"),
        hold_id="hold",
        manufacturing_order_id="manufacturing_order",
    )

    hold_id: int
    manufacturing_order_id: int


def is_held() -> ColumnElement[bool]:
    """Of a query over manufacturing operations: their order only keeps its slots."""
    return (
        select(HeldOrder.id)
        .where(HeldOrder.company_id == ManufacturingOperation.company_id)
        .where(HeldOrder.manufacturing_order_id == ManufacturingOperation.order_id)
        .exists()
    )


class SecondThought(CompanyRow, table=True):
    """Where a search has found an earlier place for what somebody looks at; nothing is held. Kept for an hour.

    `key`: `thoughts.thought_key`. `placements`, `moved` (those of other orders): operation -> [line, start, end].
    """

    __tablename__ = "second_thought"
    __table_args__ = company_keys(unique_in_company("plant_id", "key"), plant_id="plant")

    plant_id: int
    key: str = Field(max_length=64)
    placements: dict[str, list[Any]] = Field(sa_type=JSON)
    moved: dict[str, list[Any]] = Field(sa_type=JSON)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class ScheduleEvent(CompanyRow, table=True):
    """A change of a plant's slots: it made the schedule's `version`. Ids only; `actor_id` None: the system."""

    __tablename__ = "schedule_event"
    __table_args__ = company_keys(
        unique_in_company("plant_id", "version"),
        CheckConstraint(
            "kind in ('reserved','changed','released','reported','published')", name="schedule_event_kind_known"
        ),
        CheckConstraint("version >= 1", name="schedule_event_version_positive"),
        plant_id="plant",
    )

    plant_id: int
    version: int
    kind: str = Field(max_length=20)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    actor_id: int | None = None


class Proposal(CompanyRow, table=True):
    """A judged schedule that the planner may publish. `before` and `after`: `records.evaluation_to_json`.

    `placements`: operation -> [line, start, end], only those that differ from the schedule of `base_version`.
    """

    __table_args__ = company_keys(
        CheckConstraint("state in ('proposed','published','discarded')", name="proposal_state_known"),
        CheckConstraint("(state = 'proposed') = (decided_at is null)", name="decided_has_instant"),
        CheckConstraint("base_version >= 0", name="base_version_not_negative"),
        plant_id="plant",
        job_id="job",
    )

    plant_id: int
    job_id: int | None = None
    base_version: int
    placements: dict[str, list[Any]] = Field(sa_column=Column(JSON, nullable=False))
    before: dict[str, Any] = Field(sa_type=JSON)
    after: dict[str, Any] = Field(sa_type=JSON)
    state: str = Field(default=ProposalState.PROPOSED, max_length=20)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    created_by: int | None = None
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_by: int | None = None
    published_version: int | None = None


def is_part() -> ColumnElement[bool]:
    """Of a query over manufacturing orders: another plant's order goes on with what it makes."""
    return (
        select(Transfer.id)
        .where(Transfer.company_id == ManufacturingOrder.company_id)
        .where(Transfer.part_order_id == ManufacturingOrder.id)
        .exists()
    )


def move(
    row: ManufacturingOrder | ManufacturingOperation | Proposal,
    state: OrderState | OperationState | ProposalState,
    at: datetime,
) -> None:
    """The only place that sets a state; raises StateRefused for a step that TRANSITIONS does not have."""
    if state not in TRANSITIONS[type(state)][type(state)(row.state)]:
        raise StateRefused(field="state")
    row.state = state
    if isinstance(row, Proposal):
        row.decided_at = at
    elif isinstance(row, ManufacturingOrder):
        row.finished_at = at if state == OrderState.MADE else None
    elif state == OperationState.STARTED:
        row.started_at = at
    else:
        row.finished_at = at
