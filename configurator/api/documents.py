"""Input models -> the engine's values, and the engine's answers -> output models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from catalog.content import Text
from catalog.offer import Offer
from catalog.price import Price
from catalog.products import GroupContent, ParameterContent, TextContent
from configurator.api.inputs import BuyerBody, Choice, Entry, ReservationsBody, ShownBody, VariantBody
from configurator.api.outputs import (
    AddressAnswer,
    AnalysisAnswer,
    AssuranceAnswer,
    AwaitedAnswer,
    CapacityAnswer,
    ChangeAnswer,
    ChoiceAnswer,
    ConflictAnswer,
    DateAnswer,
    DecisionAnswer,
    DomainsAnswer,
    EntryAnswer,
    FeatureModelAnswer,
    GroupAnswer,
    HeldItemAnswer,
    HoldAnswer,
    InstanceAnswer,
    InsteadAnswer,
    InvoiceAnswer,
    LeftOutRule,
    MakingAnswer,
    OperationAnswer,
    OptionAnswer,
    OrderAnswer,
    ParameterAnswer,
    PatternAnswer,
    PresetAnswer,
    PriceAnswer,
    PriceItemAnswer,
    ProductAnswer,
    ProductLine,
    ProductsAnswer,
    PromiseAnswer,
    RangeAnswer,
    ReadableAnswer,
    RefundAnswer,
    RefusedText,
    RepairAnswer,
    ReservationsAnswer,
    ReservedOperation,
    ReservedOrder,
    Revisions,
    RuleAnswer,
    RulesAnswer,
    StepAnswer,
    TextAnswer,
    TrackedDates,
    TrackedOrderAnswer,
    UndecidedAnswer,
    UnitAnswer,
    UploadQuestionAnswer,
    VariantAnswer,
    WayAnswer,
    Words,
    WrittenOut,
)
from configurator.api.service import Decided, Promised
from configurator.auth import actor_id
from configurator.modelling.feature_models import Report
from configurator.modelling.report import sentence_from, translated
from configurator.modelling.services import RulesView
from configurator.modelling.submissions import SubmissionView
from configurator.planning.partners import Received, Reservation, Reservations, Stated
from configurator.planning.progress import Progress
from configurator.sales.assurances import Exchange
from configurator.sales.buyers import Buyer, Invoicing
from configurator.sales.carts import CartView
from configurator.sales.delivery import WayOffer
from configurator.sales.models import OrderState
from configurator.sales.orders import OrderView, PlacedOrder, Shown
from configurator.sales.payment_terms import assurance_of
from configurator.sales.visitors import Visitor
from configurator.storefront.service import as_asked
from solver.configuration.explain import Conflict
from solver.configuration.problem import Choose, Decision, Enter, GroupId, OptionId, ParameterId, Variant
from solver.scheduling.problem import LineId, OperationId, Placement, Second

# --- in ---------------------------------------------------------------------------------------------------------------


def decisions_of(bodies: Iterable[Choice | Entry]) -> tuple[Decision, ...]:
    """The engine's decisions."""
    return tuple(
        Enter(ParameterId(body.parameter), body.value)
        if isinstance(body, Entry)
        else Choose(GroupId(body.group), OptionId(body.option), body.chosen)
        for body in bodies
    )


def variant_of(body: VariantBody) -> Variant:
    """The engine's variant; a text that is empty is no text."""
    return Variant(
        chosen={GroupId(group): frozenset(map(OptionId, options)) for group, options in body.chosen.items()},
        numbers={ParameterId(name): number for name, number in body.numbers.items()},
        texts={name: text for name, text in body.texts.items() if text},
    )


def choices_of(variant: Variant) -> tuple[Decision, ...]:
    """The decisions that spell a variant."""
    chosen = (Choose(group, option) for group, options in variant.chosen.items() for option in sorted(options))
    return (*chosen, *(Enter(name, number) for name, number in variant.numbers.items()))


def buyer_of(body: BuyerBody) -> Buyer:
    """Sales' buyer."""
    return Buyer(
        name=body.name, mail=body.mail, phone=body.phone, street=body.street, postal_code=body.postal_code,
        city=body.city, country=body.country, locale=body.language, region=body.region,
        invoice=Invoicing(**body.invoice.model_dump()),
    )


def shown_of(body: ShownBody, assurance: str) -> Shown:
    """What the buyer agreed to."""
    return Shown(body.gross_minor, body.currency, body.arrives_on, assurance=assurance_of(assurance))


def visitor_of(key: str) -> Visitor:
    """Whose files a program names: those of its login, or of the key that came with them."""
    return Visitor(actor_id(), key)


# --- out --------------------------------------------------------------------------------------------------------------


def products_answer(offers: Iterable[Offer]) -> ProductsAnswer:
    """The list of products."""
    lines = [
        ProductLine(code=o.product.code, name=_words(o.product.name), description=_words(o.product.description))
        for o in offers
    ]
    return ProductsAnswer(products=lines)


def product_answer(offer: Offer) -> ProductAnswer:
    """A product with its questions, texts and rules."""
    product = offer.product
    return ProductAnswer(
        code=product.code, name=_words(product.name), description=_words(product.description),
        revisions=revisions_answer(offer), goals=list(product.goals), currency=offer.prices.currency,
        exponent=offer.prices.exponent, countries=sorted(offer.prices.tax),
        steps=[StepAnswer(id=step.id, name=_words(step.name)) for step in product.steps],
        groups=[_group(group) for group in product.groups],
        parameters=[_parameter(parameter) for parameter in product.parameters],
        texts=[_text(text) for text in product.texts],
        uploads=[
            UploadQuestionAnswer(
                id=one.id, step=one.step, name=_words(one.name), help=_maybe(one.help), kinds=list(one.kinds),
                most_megabytes=one.most_megabytes, when=one.when,
            )
            for one in product.uploads
        ],
        components=[
            InstanceAnswer(
                id=place.id, component=place.component, number=place.number, name=_words(place.name),
                questions={name: _words(text) for name, text in place.questions.items()},
            )
            for place in product.places
        ],
        rules=[RuleAnswer(id=rule.id, text=_words(rule.text)) for rule in product.rules],
        presets=[
            PresetAnswer(id=p.id, name=_words(p.name), benefit=_maybe(p.benefit), choices=dict(p.choices))
            for p in product.presets
        ],
    )


def _group(group: GroupContent) -> GroupAnswer:
    options = [
        OptionAnswer(
            id=o.id, name=_words(o.name), benefit=_maybe(o.benefit), swatch=o.swatch, numbers=dict(o.numbers)
        )
        for o in group.options
    ]
    return GroupAnswer(
        id=group.id, step=group.step, name=_words(group.name), help=_maybe(group.help), minimum=group.minimum,
        maximum=group.maximum, default=group.default, options=options, when=group.when,
    )


def _parameter(parameter: ParameterContent) -> ParameterAnswer:
    return ParameterAnswer(
        id=parameter.id, step=parameter.step, name=_words(parameter.name), help=_maybe(parameter.help),
        unit=parameter.unit if isinstance(parameter.unit, str) else _words(parameter.unit),
        minimum=parameter.minimum, maximum=parameter.maximum, step_size=parameter.step_size,
        default=parameter.default, when=parameter.when, otherwise=parameter.otherwise,
    )


def _text(text: TextContent) -> TextAnswer:
    return TextAnswer(
        id=text.id, step=text.step, name=_words(text.name), help=_maybe(text.help), maximum_length=text.maximum_length,
        pattern=text.pattern, requires=text.requires, minimum_length=text.minimum_length,
        patterns=[PatternAnswer(**pattern.model_dump()) for pattern in text.patterns],
    )


def decided_answer(offer: Offer, decided: Decided) -> DomainsAnswer:
    """What every option still is."""
    domains = decided.domains
    return DomainsAnswer(
        status="valid",
        decisions=decisions_answer(decided.decisions),
        options={
            str(group): {str(option): state for option, state in states.items()}
            for group, states in domains.options.items()
        },
        numbers={
            parameter: [
                RangeAnswer(minimum=low, maximum=high, step_size=step)
                for low, high, step in ranges
                if low in offer.problem.parameter_by_id[parameter].asked
            ]
            for parameter, ranges in domains.numbers.items()
        },
        undecided=[UndecidedAnswer(group=g, option=o) for g, o in sorted(domains.undecided)],
        open_questions=[str(question) for question in domains.open_questions],
        refused_texts=[RefusedText(text=name, message=message) for name, message in decided.refused_texts],
        completion=variant_answer(decided.variant),
        price=price_answer(decided.price) if decided.price else None,
        revisions=revisions_answer(offer),
    )


def conflict_answer(offer: Offer, conflict: Conflict) -> ConflictAnswer:
    """Why the decisions cannot hold together, and the ways out."""
    return ConflictAnswer(
        status="conflict",
        decisions=decisions_answer(conflict.decisions),
        rules=[RuleAnswer(id=rule, text=_words(offer.product.rule(rule).text)) for rule in conflict.rules],
        repairs=[
            RepairAnswer(
                changes=[
                    ChangeAnswer(old=_maybe_decision(change.old), new=_maybe_decision(change.new))
                    for change in repair.changes
                ],
                decisions=decisions_answer(repair.decisions),
            )
            for repair in (as_asked(offer.problem, one) for one in conflict.repairs)
        ],
        revisions=revisions_answer(offer),
    )


def promise_answer(offer: Offer, promised: Promised) -> PromiseAnswer:
    """Price and date."""
    forecast = promised.forecast
    return PromiseAnswer(
        variant=variant_answer(promised.variant),
        price=price_answer(promised.price),
        delivery=promised.way.code if promised.way is not None else None,
        ways=ways_answer(promised.ways),
        **_asked_answer(promised),
        date=DateAnswer(
            arrives_on=forecast.arrives_on, zone=forecast.zone, completes_at=forecast.completes_at,
            promise_at=forecast.promise_at, dispatch_at=forecast.dispatch_at, plant=_words(forecast.plant_name),
            carrier=_words(forecast.carrier_name),
        ),
        revisions=revisions_answer(offer),
    )


def ways_answer(ways: Iterable[WayOffer]) -> list[WayAnswer]:
    """Ways of delivery that lead there."""
    return [
        WayAnswer(
            code=one.code, kind=one.kind.value, name=_words(one.name), gross_minor=one.price.gross,
            arrives_on=one.arrives_on,
        )
        for one in ways
    ]


def _asked_answer(view: Promised | CartView) -> dict[str, Any]:
    """What an order would wait for, as fields of an answer."""
    return {
        "assurance": view.asked.assurance.value if view.asked is not None else None,
        "deposit_minor": view.asked.amount_minor if view.asked is not None else 0,
        "assurances": [
            AssuranceAnswer(
                kind=one.assurance.value, amount_minor=one.asked.amount_minor, arrives_on=one.arrives_on
            )
            for one in view.assurances
        ],
    }


def hold_answer(view: CartView) -> HoldAnswer:
    """What is held, or was."""
    return HoldAnswer(
        token=view.token,
        expires_at=view.held_until,
        items=[
            HeldItemAnswer(
                product=line.product.code, quantity=line.quantity, held=line.held,
                gross_minor=line.price.gross * line.quantity if line.price is not None else None,
                arrives_on=None if None in line.dates else max(day for day in line.dates if day),
            )
            for line in view.lines
        ],
        price=price_answer(view.total) if view.total is not None else None,
        arrives_on=view.last,
        delivery=view.way.code if view.way is not None else None,
        ways=ways_answer(view.ways),
        **_asked_answer(view),
    )


def placed_answer(placed: PlacedOrder) -> OrderAnswer:
    """The order that was placed."""
    return OrderAnswer.model_validate(asdict(placed))


def order_answer(view: OrderView, instead: Exchange | None) -> TrackedOrderAnswer:
    """An order as its buyer may read it. `instead`: what else it could wait for."""
    return TrackedOrderAnswer(
        number=view.number,
        state=view.state.value,
        waits_for=_awaited(view, instead),
        placed_at=view.placed_at,
        product=ProductLine(
            code=view.product.code, name=_words(view.product.name), description=_words(view.product.description)
        ),
        choices=[
            ReadableAnswer(
                id=choice.id, question=_words(choice.question), answers=[_words(answer) for answer in choice.answers],
                typed=choice.typed,
            )
            for choice in view.choices
        ],
        variant=variant_answer(view.variant),
        price=price_answer(view.price),
        buyer=AddressAnswer(
            name=view.buyer.name, mail=view.buyer.mail, phone=view.buyer.phone, street=view.buyer.street,
            postal_code=view.buyer.postal_code, city=view.buyer.city, region=view.buyer.region,
            country=view.buyer.country,
            invoice=InvoiceAnswer(**asdict(view.buyer.invoice)) if view.buyer.invoice else None,
        ),
        promise=TrackedDates(
            promise_at=view.promise_at, dispatch_at=view.dispatch_at, arrives_on=view.arrives_on, zone=view.zone
        ),
        making=_making(view.progress) if view.progress is not None else None,
        units=[
            UnitAnswer(
                number=unit.number, product=unit.product.code, variant=variant_answer(unit.variant),
                gross_minor=unit.price.gross, arrives_on=unit.arrives_on,
                making=_making(unit.progress) if unit.progress is not None else None,
            )
            for unit in view.units
        ],
        delivery=WayAnswer(
            code=view.delivery.code, kind=view.delivery.kind.value, name=_words(view.delivery.name),
            gross_minor=view.delivery.price.gross, arrives_on=view.arrives_on,
        ) if view.delivery is not None else None,
        refunds=[
            RefundAnswer(reference=one.reference, amount_minor=one.amount_minor, state=one.state.value)
            for one in view.refunds
        ],
    )


def _awaited(view: OrderView, instead: Exchange | None) -> AwaitedAnswer | None:
    other = _instead(instead) if instead is not None else None
    if view.state is OrderState.AWAITING_ADDRESS and view.address is not None:
        return AwaitedAnswer(kind="address", until=view.address.due_at, amount_minor=0, instead=other)
    if view.state is OrderState.AWAITING_DEPOSIT and view.deposit is not None:
        return AwaitedAnswer(
            kind="deposit", until=view.deposit.due_at, amount_minor=view.deposit.amount_minor, instead=other
        )
    return None


def _instead(exchange: Exchange) -> InsteadAnswer:
    return InsteadAnswer(
        kind=exchange.assurance.value, until=exchange.asked.due_at, amount_minor=exchange.asked.amount_minor,
        arrives_on=exchange.arrives_on,
    )


def _making(progress: Progress) -> MakingAnswer:
    return MakingAnswer(
        state=progress.state.value,
        operations=[
            OperationAnswer(
                name=_words(o.name), line=_words(o.line), plant=_words(o.plant), state=o.state.value,
                starts_at=o.starts_at, ends_at=o.ends_at,
            )
            for o in progress.all_operations
        ],
        forecast_at=progress.forecast_at, forecast_arrives_on=progress.forecast_arrives_on,
        actual_at=progress.actual_at, keeps_promise=progress.keeps_promise,
    )


def price_answer(price: Price) -> PriceAnswer:
    """An itemised price."""
    items = [
        PriceItemAnswer(id=item.id, name=_words(item.name), amount_minor=item.amount_minor) for item in price.items
    ]
    return PriceAnswer(
        items=items, net_minor=price.net, tax_minor=price.tax, gross_minor=price.gross, rate=price.rate,
        tax_reason=price.tax_reason.value, basis=price.basis.value, currency=price.currency, exponent=price.exponent,
    )


def variant_answer(variant: Variant) -> VariantAnswer:
    """A complete configuration, as it can be sent back."""
    return VariantAnswer(
        chosen={group: sorted(options) for group, options in variant.chosen.items()},
        numbers={str(name): number for name, number in variant.numbers.items()},
        texts=dict(variant.texts),
    )


def revisions_answer(offer: Offer) -> Revisions:
    """The revisions of an offer."""
    return Revisions(
        product=offer.product_revision_id, price_list=offer.price_list_revision_id,
        manufacturing=offer.manufacturing_revision_id,
    )


def decisions_answer(decisions: Iterable[Decision]) -> list[DecisionAnswer]:
    """Decisions, as they can be sent back."""
    return [_decision(decision) for decision in decisions]


def _decision(decision: Decision) -> DecisionAnswer:
    if isinstance(decision, Enter):
        return EntryAnswer(parameter=decision.parameter, value=decision.value)
    return ChoiceAnswer(group=decision.group, option=decision.option, chosen=decision.chosen)


def _maybe_decision(decision: Decision | None) -> DecisionAnswer | None:
    return None if decision is None else _decision(decision)


def _words(text: Any) -> Words:
    """Catalog texts and the mappings that documents keep of them."""
    if isinstance(text, Mapping):
        return Words(zh=text["zh"], en=text["en"])
    return Words(zh=text.zh, en=text.en)


def _maybe(text: Text | None) -> Words | None:
    return None if text is None else _words(text)


# --- analyses ---------------------------------------------------------------------------------------------------------


def analysis_answer(found: SubmissionView) -> AnalysisAnswer:
    """A file that was handed in, with its report in the language of the request."""
    return AnalysisAnswer(
        token=found.token, filename=found.filename, analysis=found.job_state.value, step=found.step,
        share=found.share, stopping=found.stopping, decision=found.state.value,
        report=None if found.report is None else _worded(found.report),
    )


def feature_model_answer(found: Report) -> FeatureModelAnswer:
    """What a feature model holds, and its analysis."""
    return FeatureModelAnswer(**found)


def rules_answer(found: RulesView) -> RulesAnswer:
    """A product's options and rules as UVL."""
    return RulesAnswer(
        product=found.code, revision=found.number, uvl=found.export.text,
        left_out=[LeftOutRule(rule=rule, why=why) for rule, why in found.export.left_out],
        written_out=[WrittenOut(component=component, why=why) for component, why in found.export.written_out],
    )


def _worded(value: Any) -> Any:
    """Plain data whose sentences are put into words."""
    if isinstance(value, dict):
        if value.keys() == {"template", "values"}:
            return translated(sentence_from(value))
        return {key: _worded(inner) for key, inner in value.items()}
    return [_worded(inner) for inner in value] if isinstance(value, list) else value


# --- partners ---------------------------------------------------------------------------------------------------------


def stated_of(body: ReservationsBody) -> Stated:
    """Which of our orders a partner has taken into account, and where it makes them."""
    return Stated(body.version, tuple(
        (order.id, tuple(
            Placement(OperationId(f"{order.id}/{one.id}"), LineId(one.line), Second(one.start), Second(one.end))
            for one in order.operations
        ))
        for order in body.orders
    ))  # fmt: skip


def capacity_answer(received: Received) -> CapacityAnswer:
    """What came of a partner's post."""
    return CapacityAnswer(
        number=received.number, valid_at=received.valid_at, good_until=received.good_until, moved=list(received.moved)
    )


def reservations_answer(found: Reservations) -> ReservationsAnswer:
    """What we have reserved in a partner's plant."""
    return ReservationsAnswer(version=found.version, orders=[_reserved(one) for one in found.orders])


def _reserved(reservation: Reservation) -> ReservedOrder:
    order, code = reservation.order, len(reservation.order.id) + 1
    return ReservedOrder(id=order.id, release=order.release, promise=order.promise, operations=[
        ReservedOperation(
            id=operation.id[code:], state=state, lines={mode.line: mode.duration for mode in operation.modes},
            after={before.operation[code:]: before.minimum_wait for before in operation.predecessors},
            family=operation.family, materials={need.material: need.quantity for need in operation.materials},
            line=place.line, start=place.start, end=place.end,
        )
        for operation, place, state in zip(order.operations, reservation.places, reservation.states, strict=True)
    ])  # fmt: skip
