"""/api/v1: parse, call, answer. No cookie is read or set, so there is no form to forge."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import orjson
from apiflask import APIBlueprint, APIFlask
from apiflask.exceptions import HTTPError
from flask import Response, abort, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.json.provider import DefaultJSONProvider
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from catalog.uploads import NotTaken, kind_accepted
from configurator.api import document, service
from configurator.api.documents import (
    analysis_answer,
    buyer_of,
    capacity_answer,
    choices_of,
    conflict_answer,
    decided_answer,
    decisions_of,
    feature_model_answer,
    hold_answer,
    order_answer,
    placed_answer,
    product_answer,
    products_answer,
    promise_answer,
    reservations_answer,
    rules_answer,
    shown_of,
    stated_of,
    variant_of,
    visitor_of,
)
from configurator.api.inputs import (
    AnalysisBody,
    Body,
    CapacityBody,
    DecideBody,
    ExchangeBody,
    FeatureModelBody,
    HeldOrderBody,
    HoldBody,
    HoldQuery,
    InvoiceBody,
    ItemBody,
    LinkAgainBody,
    LinkBody,
    NothingBody,
    OrderBody,
    OrderHeaders,
    PromiseBody,
    RulesQuery,
    UploadBody,
)
from configurator.api.outputs import (
    AnalysisAnswer,
    CapacityAnswer,
    DecideAnswer,
    FeatureModelAnswer,
    HoldAnswer,
    OrderAnswer,
    ProductAnswer,
    ProductsAnswer,
    PromiseAnswer,
    ReservationsAnswer,
    RulesAnswer,
    TrackedOrderAnswer,
    UploadAnswer,
)
from configurator.api.refusals import broken_words, faults_of_buyer, sentence
from configurator.app import problem, settings
from configurator.auth import Role, actor_id, bearer, bears, company_id, public, requires
from configurator.errors import DomainError, InvalidInput, NotFound, NotValid
from configurator.modelling import feature_models, services, submissions
from configurator.planning import partners
from configurator.planning.books import capacity_shown
from configurator.sales import address_checks
from configurator.sales.assurances import WAITS_FOR, ShownExchange, exchange, exchange_of
from configurator.sales.carts import (
    CartFull,
    CartView,
    ShownCart,
    Trust,
    cart_of,
    give_up,
    hold_cart,
    place_cart,
    put_together,
    release_cart,
)
from configurator.sales.configurations import Selection
from configurator.sales.delivery import NotDelivered, ShipTo
from configurator.sales.orders import Wanted, earlier_order, order_by_token, place_units
from configurator.sales.payment_terms import Assurance, assurance_of
from configurator.sales.payments import called_back
from configurator.sales.uploads import keep_file, refuse_others
from configurator.storefront.present import file_fault_words
from configurator.storefront.service import offer_for, offers
from solver.configuration.explain import Conflict
from solver.scheduling.capacity import FreeCapacity

bp = APIBlueprint("api", __name__, url_prefix="/api/v1", tag="Configurator")
SCOPE, HOLDS = "api", "api holds"  # of idempotency keys
KEYED = ("api.order", "api.hold", "api.order_hold")


# --- products ---------------------------------------------------------------------------------------------------------


@bp.get("/products")
@bp.output(ProductsAnswer)
@bp.doc(operation_id="listProducts")
@public
def products() -> ProductsAnswer:
    """All products on offer."""
    return products_answer(offers(company_id()))


@bp.get("/products/<code>")
@bp.output(ProductAnswer)
@bp.doc(operation_id="showProduct")
@public
def product(code: str) -> ProductAnswer:
    """A product's option groups, parameters, texts and rules, as offered now."""
    return product_answer(offer_for(company_id(), _name(code)))


@bp.post("/products/<code>/decide")
@bp.input(DecideBody, examples=document.DECIDE_EXAMPLES)
@bp.output(DecideAnswer)
@bp.doc(operation_id="decide")
@public
def decide(code: str, json_data: DecideBody) -> DecideAnswer:
    """What the decisions leave open, or why they cannot hold together and what to change.

    Complete and exact: an option is open exactly if some valid configuration has it and all decisions.
    """
    offer = offer_for(company_id(), _name(code))
    decisions = decisions_of(json_data.decisions)
    seconds = settings().click_seconds
    match service.decide(offer, decisions, json_data.texts, json_data.country, seconds=seconds):
        case Conflict() as conflict:
            return DecideAnswer(conflict_answer(offer, conflict))
        case decided:
            return DecideAnswer(decided_answer(offer, decided))


@bp.post("/products/<code>/promise")
@bp.input(PromiseBody, examples=document.PROMISE_EXAMPLES)
@bp.output(PromiseAnswer, links=document.PROMISE_LINKS)
@bp.doc(operation_id="promise")
@public
def promise(code: str, json_data: PromiseBody) -> Any:
    """The itemised price with its delivery, and the date out of the live schedule. Nothing is held until it is ordered.

    `ways` are those that lead to the address; each can be asked for by its code.
    """
    offer = offer_for(company_id(), _name(code))
    to = ShipTo(json_data.country, json_data.postal_code, json_data.delivery)
    assurance = assurance_of(json_data.assurance)
    if json_data.variant is not None:
        return promise_answer(offer, service.promise_of(offer, variant_of(json_data.variant), to, assurance))
    decisions = decisions_of(json_data.decisions)
    seconds = settings().click_seconds
    match service.promise(offer, decisions, json_data.texts, to, seconds=seconds, assurance=assurance):
        case Conflict() as conflict:
            found = conflict_answer(offer, conflict).model_dump(mode="json")
            return problem(409, "configuration_conflict", _("These decisions cannot hold together."), "decisions",
                           fields=[], conflict=found)
        case promised:
            return promise_answer(offer, promised)


# --- files ------------------------------------------------------------------------------------------------------------


@bp.post("/uploads")
@bp.input(UploadBody, examples=document.UPLOAD_EXAMPLES)
@bp.output(UploadAnswer, status_code=201)
@bp.doc(operation_id="sendFile")
@public
def upload(json_data: UploadBody) -> Any:
    """Keep a file that a product asks for. It is judged by its content, whatever its name says."""
    offer = offer_for(company_id(), json_data.product)
    content = next((one for one in offer.product.uploads if one.id == json_data.question), None)
    if content is None:
        raise NotFound(field="question")
    data = json_data.content()
    try:
        file, holder = keep_file(company_id(), visitor_of(json_data.key), content, json_data.name, data)
    except NotTaken as refused:
        return problem(409, f"file_{refused.fault}", file_fault_words(content, refused, len(data)), "data", fields=[])
    return UploadAnswer(
        answer=file.answer, kind=kind_accepted(content, data), size=file.size, name=file.name, key=holder or None
    ), 201


def _refuse_others_files(wanted: Sequence[Wanted], key: str) -> None:
    for one in wanted:
        refuse_others(company_id(), visitor_of(key), one.offer.product, one.variant.texts)


# --- orders -----------------------------------------------------------------------------------------------------------


@bp.post("/orders")
@bp.input(OrderBody, examples=document.ORDER_EXAMPLES)
@bp.input(OrderHeaders, location="headers")
@bp.output(OrderAnswer, status_code=201, links=document.ORDER_LINKS)
@bp.doc(operation_id="placeOrder")
@public
def order(headers_data: OrderHeaders, json_data: OrderBody) -> tuple[OrderAnswer, int, dict[str, str]]:
    """Place one order at the price and for the date that were shown.

    Sent again with the same Idempotency-Key and body it is answered the same and stays one order; with another body
    it is refused. If price or date are no longer true, the answer names the new one and nothing is ordered.
    """
    wanted = [_wanted(json_data), *map(_wanted, json_data.more)]
    _refuse_others_files(wanted, json_data.upload_key)
    try:
        placed = place_units(
            company_id(), wanted, buyer_of(json_data.buyer), shown_of(json_data.shown, json_data.assurance),
            scope=SCOPE, key=headers_data.idempotency_key, request=_sent(json_data), way=json_data.delivery,
        )
    except NotValid:
        _name_faults(wanted)  # every field, not only the first
        raise
    return placed_answer(placed), 201, {"Location": url_for(".track", token=placed.token)}


def _wanted(item: ItemBody) -> Wanted:
    variant = variant_of(item.variant)
    selection = Selection(item.product, choices_of(variant), variant.texts)
    return Wanted(offer_for(company_id(), item.product), selection, variant, item.quantity)


def _name_faults(wanted: Sequence[Wanted]) -> None:
    for one in wanted:
        service.require_variant(one.offer, one.variant)


def _sent(body: Body) -> dict[str, Any]:
    """What a key is for. Fields that came later are in it only where they say something: old keys stay good."""
    sent = body.model_dump(mode="json")
    if "buyer" in sent:
        sent["buyer"] = _saying(sent["buyer"], {"region": "", "invoice": InvoiceBody().model_dump()})
    return _saying(sent, {"quantity": 1, "more": [], "delivery": "", "assurance": "", "upload_key": ""})


def _saying(sent: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sent.items() if later.get(name, ...) != value}


# --- holds ------------------------------------------------------------------------------------------------------------


@bp.post("/holds")
@bp.input(HoldBody, examples=document.HOLD_EXAMPLES)
@bp.input(OrderHeaders, location="headers")
@bp.output(HoldAnswer, status_code=201, links=document.HOLD_LINKS)
@bp.doc(operation_id="hold")
@public
def hold(headers_data: OrderHeaders, json_data: HoldBody) -> tuple[HoldAnswer, int, dict[str, str]]:
    """Keep capacity and material for a while, at today's price and date.

    Sent again with the same Idempotency-Key and body it stays one hold. If not everything can be held the answer says
    why, and nothing is; the same key may try again.
    """
    wanted = [_wanted(json_data), *map(_wanted, json_data.more)]
    _name_faults(wanted)
    _refuse_others_files(wanted, json_data.upload_key)
    token = put_together(
        company_id(), wanted, json_data.country, scope=HOLDS, key=headers_data.idempotency_key, request=_sent(json_data)
    )
    refused = hold_cart(company_id(), token, trust=Trust.STRANGER)
    view = _held(token)
    if any(line.trouble is not None for line in view.lines):
        raise service.NotServed
    if refused is not None:
        release_cart(company_id(), token)
        raise refused
    return hold_answer(view), 201, {"Location": url_for(".show_hold", token=token)}


@bp.get("/holds/<token>")
@bp.input(HoldQuery, location="query")
@bp.output(HoldAnswer)
@bp.doc(operation_id="showHold")
@public
def show_hold(token: str, query_data: HoldQuery) -> HoldAnswer:
    """A hold with its price and date, delivered by the way that is asked for. The token is all that is needed."""
    return hold_answer(_held(token, query_data))


@bp.delete("/holds/<token>")
@bp.output({}, status_code=204)
@bp.doc(operation_id="giveUpHold")
@public
def give_up_hold(token: str) -> tuple[str, int]:
    """Give capacity and material back."""
    give_up(company_id(), _token(token))
    return "", 204


@bp.post("/held-orders")
@bp.input(HeldOrderBody, examples=document.HELD_ORDER_EXAMPLES)
@bp.input(OrderHeaders, location="headers")
@bp.output(OrderAnswer, status_code=201, links=document.ORDER_LINKS)
@bp.doc(operation_id="orderHold")
@public
def order_hold(headers_data: OrderHeaders, json_data: HeldOrderBody) -> tuple[OrderAnswer, int, dict[str, str]]:
    """Order what is held: the capacity that is kept is taken, nothing is looked for anew. Once for one key."""
    token, sent, key = json_data.hold, _sent(json_data), headers_data.idempotency_key
    placed = earlier_order(company_id(), SCOPE, key, sent)
    if placed is None:
        units, shown = _held(token).units, json_data.shown
        placed = place_cart(
            company_id(), token, buyer_of(json_data.buyer),
            ShownCart(
                shown.gross_minor, shown.currency, (shown.arrives_on,) * units,
                assurance=assurance_of(json_data.assurance),
            ),
            scope=SCOPE, key=key, request=sent, way=json_data.delivery,
        )
    return placed_answer(placed), 201, {"Location": url_for(".track", token=placed.token)}


def _held(token: str, query: HoldQuery | None = None) -> CartView:
    view = cart_of(company_id(), _token(token))
    if view is not None and query is not None and (query.postal_code or query.delivery or query.assurance):
        to = ShipTo(view.country, query.postal_code, query.delivery)
        view = cart_of(
            company_id(), token, to=to if query.postal_code or query.delivery else None,
            assurance=assurance_of(query.assurance),
        )
    if view is None:
        raise NotFound(field="hold")
    if query is not None and query.delivery and (view.way is None or view.way.code != query.delivery):
        raise NotDelivered(field="delivery")
    return view


def _token(token: str) -> str:
    """A token; what cannot be one is not found."""
    if not document.TOKEN.fullmatch(token):
        abort(404)
    return token


# --- following --------------------------------------------------------------------------------------------------------


@bp.get("/orders/<token>")
@bp.output(TrackedOrderAnswer)
@bp.doc(operation_id="trackOrder")
@public
def track(token: str) -> TrackedOrderAnswer:
    """An order with its promise and how far it is. The token is all that is needed, so keep it."""
    return _tracked(_token(token))


@bp.post("/assurances")
@bp.input(ExchangeBody)
@bp.output(TrackedOrderAnswer)
@bp.doc(operation_id="exchangeAssurance")
@public
def exchange_assurance(json_data: ExchangeBody) -> TrackedOrderAnswer:
    """Let an order wait for something else: a deposit, or that its buyer opens the link in our mail."""
    shown = ShownExchange(Assurance(json_data.kind), json_data.amount_minor, json_data.arrives_on)
    exchange(company_id(), json_data.order, shown)
    return _tracked(json_data.order)


def _tracked(token: str) -> TrackedOrderAnswer:
    view = order_by_token(company_id(), token)
    return order_answer(view, exchange_of(company_id(), token) if view.state in WAITS_FOR else None)


@bp.post("/confirmations")
@bp.input(LinkBody, examples=document.LINK_EXAMPLES)
@bp.output(TrackedOrderAnswer)
@bp.doc(operation_id="confirmAddress")
@public
def confirm_address(json_data: LinkBody) -> TrackedOrderAnswer:
    """The buyer has opened the link in the mail: the order that waited for it is made. Good once."""
    token = address_checks.confirm(company_id(), json_data.link, secret=settings().secret_key)
    return _tracked(token)


@bp.post("/confirmation-mails")
@bp.input(LinkAgainBody)
@bp.output(TrackedOrderAnswer, status_code=202)
@bp.doc(operation_id="sendLinkAgain")
@public
def send_link_again(json_data: LinkAgainBody) -> tuple[TrackedOrderAnswer, int]:
    """Send the link that confirms the mail address once more: a few times at most, and not twice in a minute."""
    address_checks.send_again(company_id(), json_data.order, json_data.mail)
    return _tracked(json_data.order), 202


@bp.post("/payments/<provider>")
@bp.doc(hide=True)
@public
def payment(provider: str) -> ResponseReturnValue:
    """A payment provider's call; what it says is believed for its signature only."""
    called_back(company_id(), provider, request.get_data(), request.headers.get("X-Signature", ""))
    return "", 204


# --- catalogs ---------------------------------------------------------------------------------------------------------


@bp.post("/analyses")
@bp.input(AnalysisBody)
@bp.output(AnalysisAnswer, status_code=202, links=document.ANALYSIS_LINKS)
@bp.doc(operation_id="analyse", security=document.MODELLER)
@requires(Role.MODELLER)
def analyse(json_data: AnalysisBody) -> tuple[AnalysisAnswer, int, dict[str, str]]:
    """Hand in a catalog file: it is analysed in the background. Nothing is published: that is decided on its page."""
    found = submissions.submit(
        company_id(), json_data.filename, json_data.text.encode(), actor_id=actor_id(),
        seconds=settings().analysis_seconds,
    )
    return analysis_answer(found), 202, {"Location": url_for(".analysis", token=found.token)}


@bp.get("/analyses/<token>")
@bp.output(AnalysisAnswer)
@bp.doc(operation_id="showAnalysis", security=document.MODELLER)
@requires(Role.MODELLER)
def analysis(token: str) -> AnalysisAnswer:
    """How far the analysis of a catalog file is, then what it says, costs and margins too."""
    return analysis_answer(_submission(token))


@bp.post("/analyses/<token>/cancel")
@bp.input(NothingBody)
@bp.output(AnalysisAnswer)
@bp.doc(operation_id="cancelAnalysis", security=document.MODELLER)
@requires(Role.MODELLER)
def cancel_analysis(token: str, json_data: NothingBody) -> AnalysisAnswer:
    """Stop it; what it has found so far is kept. Refused once it has ended."""
    submissions.cancel(company_id(), _submission(token).id)
    return analysis_answer(_submission(token))


def _submission(token: str) -> submissions.SubmissionView:
    return submissions.submission_by_token(company_id(), _token(token))


@bp.get("/products/<code>/rules")
@bp.input(RulesQuery, location="query")
@bp.output(RulesAnswer)
@bp.doc(operation_id="showRules", security=document.MODELLER)
@requires(Role.MODELLER)
def rules(code: str, query_data: RulesQuery) -> RulesAnswer:
    """The options and rules of a published revision as UVL, which other tools read."""
    return rules_answer(services.rules(company_id(), _name(code), query_data.revision))


@bp.post("/feature-models")
@bp.input(FeatureModelBody)
@bp.output(FeatureModelAnswer)
@bp.doc(operation_id="analyseFeatureModel", security=document.MODELLER)
@requires(Role.MODELLER)
def analyse_feature_model(json_data: FeatureModelBody) -> FeatureModelAnswer:
    """Analyse a feature model of another tool, within 20 seconds. Nothing of it is stored.

    A file that cannot be read or taken whole is refused (409): every fault by its file and line.
    """
    found = feature_models.analysed_model(
        json_data.content(), json_data.filename, json_data.main or None, seconds=settings().analysis_seconds
    )
    return feature_model_answer(found)


# --- partners ---------------------------------------------------------------------------------------------------------


@bp.get("/plants/<plant>/free-capacity")
@bp.output(FreeCapacity)
@bp.doc(operation_id="freeCapacity", security="partner")
@public
def free_capacity(plant: str) -> FreeCapacity:
    """What is free in a plant from now on, for a partner who has the token: nothing of its orders is in it.

    A promise by it is the one that we would give ourselves if no other order moved.
    """
    if not (bears(settings().partner_token) and document.NAME.fullmatch(plant)):
        abort(404)
    return capacity_shown(company_id(), plant) or abort(404)


@bp.get("/plants/<plant>/reservations")
@bp.output(ReservationsAnswer)
@bp.doc(operation_id="showReservations", security=document.PLANT_KEY)
@public
def reservations(plant: str) -> ReservationsAnswer:
    """The orders that we have in a partner's plant, for the partner's system, which has the plant's key.

    They keep their ids; what is changed or cancelled is so in the next answer, under a higher version.
    """
    return reservations_answer(partners.reservations(_partners_plant(plant)))


@bp.post("/plants/<plant>/free-capacity")
@bp.input(CapacityBody)
@bp.output(CapacityAnswer, status_code=201)
@bp.doc(operation_id="postFreeCapacity", security=document.PLANT_KEY)
@public
def post_free_capacity(plant: str, json_data: CapacityBody) -> tuple[CapacityAnswer, int]:
    """From now on we promise in a partner's plant by what it posts here: beside what we have reserved there ourselves.

    What is free is so beside the orders of ours that are listed, made where the partner says. Those that are not listed
    keep their places as far as they are free, and go elsewhere in it where they are not. The same again changes nothing
    (200); one that is valid no later than the one before is refused.
    """
    received = partners.post_capacity(
        _partners_plant(plant), json_data.capacity, stated_of(json_data.reservations)
    )
    return capacity_answer(received), 201 if received.anew else 200


def _partners_plant(code: str) -> int:
    """The plant for which the caller has the key; for anybody else there is none."""
    return partners.plant_of_key(company_id(), _name(code), bearer())


def _name(code: str) -> str:
    """A product's code; what cannot be one is not found."""
    if not document.NAME.fullmatch(code):
        abort(404)
    return code


# --- the document -----------------------------------------------------------------------------------------------------


class _StrictJson(DefaultJSONProvider):
    """JSON as its standard says: no NaN, no lone surrogates, and nesting that ends before the stack does."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(s)


@bp.record_once
def _prepare(state: BlueprintSetupState) -> None:
    app = state.app
    assert isinstance(app, APIFlask)
    app.json = _StrictJson(app)
    app.config.update(AUTO_SERVERS=False, AUTO_404_RESPONSE=False, AUTO_VALIDATION_ERROR_RESPONSE=False)
    app.spec_processor(document.finish)
    ordinary = app.view_functions["openapi.spec"]

    @public
    def spec() -> Any:
        for blueprint in app.blueprints.values():  # apiflask stumbles over one without this that has a before_request
            vars(blueprint).setdefault("enable_openapi", False)
        return ordinary()

    app.view_functions["openapi.spec"] = spec


# --- refusals ---------------------------------------------------------------------------------------------------------


@bp.before_request
def _require_json() -> Response | None:
    """A form of another site can send text, but not JSON."""
    if request.method != "POST":
        return None
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    if request.get_json() is None:  # apiflask would take null for an empty object
        fault = {"field": "body", "message": _("Send an object.")}
        return problem(422, "invalid_input", fault["message"], "body", fields=[fault])
    return None


@bp.errorhandler(UnsupportedMediaType)
def _other_media_type(error: UnsupportedMediaType) -> Response:
    return problem(415, "unsupported_media_type", _("Send JSON, as application/json."), None, fields=[])


@bp.errorhandler(BadRequest)
def _not_json(error: BadRequest) -> Response:
    return problem(400, "not_json", _("The body is not valid JSON."), None, fields=[])


@bp.errorhandler(HTTPError)
def _refused_input(error: HTTPError) -> Response:
    """Every field that the input models refuse, by its path."""
    fields = [
        {"field": document.field_name(location, path), "message": sentence(message)}
        for location, paths in error.detail.items()
        for path, messages in paths.items()
        for message in messages
    ]
    fields += faults_of_buyer(request.get_json(silent=True), [one["field"] for one in fields])
    if request.endpoint in KEYED and "headers" not in error.detail:  # the body was looked at first
        fields += document.header_faults(request.headers.get("Idempotency-Key"))
    return problem(error.status_code, "invalid_input", _("Some input is missing or wrong."), fields[0]["field"],
                   fields=fields)


@bp.errorhandler(DomainError)
def _refused(error: DomainError) -> Response:
    """A body that is well formed and cannot be done now is a conflict with what is true now."""
    status = 409 if isinstance(error, (NotValid, InvalidInput, CartFull)) else error.status
    fields = [{"field": field, "message": message} for field, message in getattr(error, "faults", ())]
    fields = fields or broken_words(error.data.get("broken", ()))
    if not fields and error.field is not None:
        fields = [{"field": error.field, "message": error.message()}]
    now = {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in error.data.items() if name != "what" and isinstance(value, (str, int, date))
    }
    return problem(status, error.code, error.message(), error.field, fields=fields, **now)
