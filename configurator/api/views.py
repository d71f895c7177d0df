"""/api/v1: parse, call, answer. No cookie is read or set, so there is no form to forge."""

from __future__ import annotations

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

from configurator.api import document, service
from configurator.api.documents import (
    analysis_answer,
    buyer_of,
    choices_of,
    conflict_answer,
    decided_answer,
    decisions_of,
    order_answer,
    placed_answer,
    product_answer,
    products_answer,
    promise_answer,
    shown_of,
    variant_of,
)
from configurator.api.inputs import DecideBody, OrderBody, OrderHeaders, PromiseBody
from configurator.api.outputs import (
    AnalysisAnswer,
    DecideAnswer,
    OrderAnswer,
    ProductAnswer,
    ProductsAnswer,
    PromiseAnswer,
    TrackedOrderAnswer,
)
from configurator.app import problem, settings
from configurator.auth import bears, company_id, public
from configurator.errors import DomainError, InvalidInput, NotValid
from configurator.modelling.submissions import submission_by_token
from configurator.planning.books import capacity_shown
from configurator.sales.configurations import Selection
from configurator.sales.orders import order_by_token, place_order
from configurator.sales.payments import called_back
from configurator.storefront.service import offer_for, offers
from solver.configuration.explain import Conflict
from solver.scheduling.capacity import FreeCapacity

bp = APIBlueprint("api", __name__, url_prefix="/api/v1", tag="Configurator")
SCOPE = "api"  # of idempotency keys


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
    """The itemised price, and the date out of the live schedule. Nothing is held until it is ordered."""
    offer = offer_for(company_id(), _name(code))
    if json_data.variant is not None:
        return promise_answer(offer, service.promise_of(offer, variant_of(json_data.variant), json_data.country))
    decisions = decisions_of(json_data.decisions)
    seconds = settings().click_seconds
    match service.promise(offer, decisions, json_data.texts, json_data.country, seconds=seconds):
        case Conflict() as conflict:
            found = conflict_answer(offer, conflict).model_dump(mode="json")
            return problem(409, "configuration_conflict", _("These decisions cannot hold together."), "decisions",
                           fields=[], conflict=found)
        case promised:
            return promise_answer(offer, promised)


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
    offer = offer_for(company_id(), json_data.product)
    variant = variant_of(json_data.variant)
    try:
        placed = place_order(
            company_id(), offer, Selection(json_data.product, choices_of(variant), variant.texts), variant,
            buyer_of(json_data.buyer), shown_of(json_data.shown), scope=SCOPE, key=headers_data.idempotency_key,
            request=json_data.model_dump(mode="json"),
        )
    except NotValid:
        service.require_variant(offer, variant)  # names every field, not only the first
        raise
    return placed_answer(placed), 201, {"Location": url_for(".track", token=placed.token)}


@bp.get("/orders/<token>")
@bp.output(TrackedOrderAnswer)
@bp.doc(operation_id="trackOrder")
@public
def track(token: str) -> TrackedOrderAnswer:
    """An order with its promise and how far it is. The token is all that is needed, so keep it."""
    if not document.TOKEN.fullmatch(token):
        abort(404)
    return order_answer(order_by_token(company_id(), token))


@bp.post("/payments/<provider>")
@bp.doc(hide=True)
@public
def payment(provider: str) -> ResponseReturnValue:
    """A payment provider's call; what it says is believed for its signature only."""
    called_back(company_id(), provider, request.get_data(), request.headers.get("X-Signature", ""))
    return "", 204


# --- catalogs ---------------------------------------------------------------------------------------------------------


@bp.get("/analyses/<token>")
@bp.output(AnalysisAnswer)
@bp.doc(operation_id="showAnalysis")
@public
def analysis(token: str) -> AnalysisAnswer:
    """What the analysis of a catalog file says; its token is on the file's page.

    It is handed in by page or by command, and decided there: a program can only read.
    """
    if not document.TOKEN.fullmatch(token):
        abort(404)
    return analysis_answer(submission_by_token(company_id(), token))


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
        {"field": document.field_name(location, path), "message": message}
        for location, paths in error.detail.items()
        for path, messages in paths.items()
        for message in messages
    ]
    if request.endpoint == "api.order" and "headers" not in error.detail:  # the body was looked at first
        fields += document.header_faults(request.headers.get("Idempotency-Key"))
    return problem(error.status_code, "invalid_input", _("Some input is missing or wrong."), fields[0]["field"],
                   fields=fields)


@bp.errorhandler(DomainError)
def _refused(error: DomainError) -> Response:
    """A body that is well formed and cannot be done now is a conflict with what is true now."""
    status = 409 if isinstance(error, (NotValid, InvalidInput)) else error.status
    fields = [{"field": field, "message": message} for field, message in getattr(error, "faults", ())]
    if not fields and error.field is not None:
        fields = [{"field": error.field, "message": error.message()}]
    now = {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in error.data.items() if name != "what" and isinstance(value, (str, int, date))
    }
    return problem(status, error.code, error.message(), error.field, fields=fields, **now)
