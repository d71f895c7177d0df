"""The OpenAPI document: what the models do not say by themselves - names in paths, refusals, examples, links."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from configurator.api.inputs import NAME as NAME_PATTERN
from configurator.api.inputs import OrderHeaders
from configurator.api.outputs import ErrorAnswer

NAME = re.compile(NAME_PATTERN.removesuffix("$"))
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
_HEADERS = {"idempotency_key": "Idempotency-Key"}

_DECISIONS = [{"group": "gears", "option": "hub_8"}, {"group": "drive", "option": "belt"}]
_VARIANT = {
    "chosen": {
        "size": ["m"], "colour": ["sky"], "gears": ["hub_8"], "drive": ["belt"], "brakes": ["disc_hydraulic"],
        "fork": ["steel"], "tyres": ["t40"], "mudguards": ["full"], "rack": ["light"], "light": ["dynamo"],
        "stand": ["side"], "child_seat": ["none"],
    },
    "numbers": {},
    "texts": {},
}
_BUYER = {
    "name": "李雷", "mail": "lilei@example.com", "phone": "", "street": "中山路 100 号", "postal_code": "200040",
    "city": "上海", "country": "CN", "language": "zh",
}
_INVOICE = {"company": "无锡水务有限公司", "tax_number": "91350100M000100Y43", "purchase_order": "PO-2026-7781"}


def _examples(**values: Any) -> dict[str, Any]:
    return {name: {"value": value} for name, value in values.items()}


DECIDE_EXAMPLES = _examples(
    nothing={"country": "CN"},
    belt={"decisions": _DECISIONS, "texts": {"engraving": "LILEI 2026"}, "country": "CN"},
    conflict={"decisions": [*_DECISIONS, {"group": "gears", "option": "derailleur_9"}]},
)
PROMISE_EXAMPLES = _examples(
    decisions={"decisions": _DECISIONS, "country": "CN"}, variant={"variant": _VARIANT, "country": "CN"}
)
ORDER_EXAMPLES = _examples(order={
    "product": "bicycle", "variant": _VARIANT, "buyer": _BUYER | {"invoice": _INVOICE},
    "shown": {"gross_minor": 626020, "currency": "CNY", "arrives_on": "2026-12-08"},
})
HOLD_EXAMPLES = _examples(hold={"product": "bicycle", "variant": _VARIANT, "quantity": 2, "country": "CN"})
HELD_ORDER_EXAMPLES = _examples(order={
    "hold": "kQ3vX8bN1mZ7sT5wY2rP4g", "buyer": _BUYER,
    "shown": {"gross_minor": 1252040, "currency": "CNY", "arrives_on": "2026-12-08"},
})
# What a promise says can be ordered as it is.
PROMISE_LINKS = {
    "order": {
        "operationId": "placeOrder",
        "requestBody": {
            "product": "{$request.path.code}", "variant": "$response.body#/variant", "buyer": _BUYER,
            "shown": {
                "gross_minor": "$response.body#/price/gross_minor", "currency": "$response.body#/price/currency",
                "arrives_on": "$response.body#/date/arrives_on",
            },
        },
    },
}
HOLD_LINKS = {
    "show": {"operationId": "showHold", "parameters": {"token": "$response.body#/token"}},
    "order": {
        "operationId": "orderHold",
        "requestBody": {
            "hold": "$response.body#/token", "buyer": _BUYER,
            "shown": {
                "gross_minor": "$response.body#/price/gross_minor", "currency": "$response.body#/price/currency",
                "arrives_on": "$response.body#/arrives_on",
            },
        },
    },
    "giveUp": {"operationId": "giveUpHold", "parameters": {"token": "$response.body#/token"}},
}
UPLOAD_EXAMPLES = _examples(logo={
    "product": "bicycle", "question": "logo", "name": "logo.svg",
    "data": "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciPjxwYXRoIGQ9Ik0wIDBoOXY5eiIvPjwvc3ZnPg==",
})
LINK_EXAMPLES = _examples(link={"link": "WzEsMTIsImE5ZjAxYzJiM2Q0ZTVmNjciXQ.kQ3vX8bN1mZ7sT5wY2rP4g"})
ORDER_LINKS = {"track": {"operationId": "trackOrder", "parameters": {"token": "$response.body#/token"}}}
_BY_TOKEN = {"parameters": {"token": "$response.body#/token"}}
ANALYSIS_LINKS = {
    "show": {"operationId": "showAnalysis", **_BY_TOKEN},
    "cancel": {"operationId": "cancelAnalysis", "requestBody": {}, **_BY_TOKEN},
}
PLANT_KEY = "plant_key"
MODELLER: list[str | dict[str, list[Any]]] = [{"modeller": []}]  # what must be sent with it

_PATH_PARAMETERS = {
    "code": {
        "name": "code", "in": "path", "required": True, "schema": {"type": "string", "pattern": NAME_PATTERN},
        "example": "bicycle",
    },
    "plant": {
        "name": "plant", "in": "path", "required": True, "schema": {"type": "string", "pattern": NAME_PATTERN},
        "example": "wuxi",
    },
    "token": {
        "name": "token", "in": "path", "required": True,
        "schema": {"type": "string", "pattern": f"^{TOKEN.pattern}$"},
    },
}
_ALWAYS = {"503": "Our records cannot be reached just now; nothing was lost."}
_NAMED = {"404": "There is no such thing, or it is not yours to see."}
_SENT = {
    "400": "The body is not JSON.",
    "409": "Well formed, but not possible now; the answer says what is true now.",
    "413": "The body is too large.",
    "415": "The body is not sent as application/json.",
    "422": "Something is missing or wrong; every field is named.",
}
_ALSO = {  # by operation
    "analyseFeatureModel": {
        "429": "Too many failed logins; try again later. Or (`busy`) another model is being analysed; try again soon.",
    },
    "confirmAddress": {"410": "It was not opened in time, or the order was cancelled before."},
    "sendFile": {"429": "More files are being sent than are taken in an hour."},
    "sendLinkAgain": {"429": "It was sent just now, or as often as it is sent at most."},
}
_GUARDED = {
    "401": "Login and password were not sent, or do not match.",
    "403": "This is not for the role of who asks.",
    "429": "Too many failed logins; try again later.",
}


def finish(spec: Any) -> Any:
    """The document as it is published: our paths only, every path parameter and every refusal described."""
    spec["info"]["description"] = (
        "Configure, price, date and order a product. Money is in integer minor units, instants are in UTC. "
        "A refusal has a stable code; what was decided but cannot hold together is answered, not refused."
    )
    spec["paths"] = {path: item for path, item in spec["paths"].items() if path.startswith("/api/")}
    schemas = spec.setdefault("components", {}).setdefault("schemas", {})
    error = ErrorAnswer.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    schemas.update(error.pop("$defs"))
    schemas["ErrorAnswer"] = error
    spec["components"]["securitySchemes"] = {
        "modeller": {"type": "http", "scheme": "basic", "description": "Login and password of a modeller"},
        "partner": {"type": "http", "scheme": "bearer", "description": "The token that partners were given"},
        PLANT_KEY: {"type": "http", "scheme": "bearer", "description": "The key that a planner made for one plant"},
    }
    for path, item in spec["paths"].items():
        for operation in item.values():
            if isinstance(operation, dict):
                _finish_operation(path, operation)
        item.pop("parameters", None)
    return _short_names(spec)


def _short_names(spec: dict[str, Any]) -> dict[str, Any]:
    """`Words` once, in place of one `Words` for every answer that has it."""
    schemas = spec["components"]["schemas"]
    spec["components"]["schemas"] = {name.rpartition(".")[2]: schema for name, schema in schemas.items()}
    renamed: dict[str, Any] = _with_short_references(spec)
    return renamed


def _with_short_references(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_short_references(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_short_references(inner) for inner in value]
    if isinstance(value, str) and value.startswith("#/components/schemas/"):
        return f"#/components/schemas/{value.rpartition('/')[2].rpartition('.')[2]}"
    return value


def _finish_operation(path: str, operation: dict[str, Any]) -> None:
    named = [_PATH_PARAMETERS[name] for name in re.findall(r"{(\w+)}", path)]
    others = [parameter for parameter in operation.get("parameters", []) if parameter.get("in") != "path"]
    for parameter in others:
        parameter["name"] = _HEADERS.get(parameter["name"].replace("-", "_"), parameter["name"])
    operation["parameters"] = [*named, *others]
    sent = "requestBody" in operation
    if sent:
        operation["requestBody"]["required"] = True
    guarded = _GUARDED if operation.get("security") == MODELLER else {}
    asked = {status: _SENT[status] for status in ("409", "422")} if any(one["in"] == "query" for one in others) else {}
    refusals = _ALWAYS | guarded | (_NAMED if named or sent else {}) | (_SENT if sent else {}) | asked
    refusals |= _ALSO.get(operation.get("operationId", ""), {})
    for status, description in sorted(refusals.items()):
        operation["responses"][status] = {
            "description": description,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}},
        }


def header_faults(key: str | None) -> list[dict[str, str]]:
    """What is wrong with an order's Idempotency-Key, as the answer names it."""
    try:
        OrderHeaders.model_validate({} if key is None else {"idempotency_key": key})
    except ValidationError as error:
        return [{"field": _HEADERS["idempotency_key"], "message": fault["msg"]} for fault in error.errors()]
    return []


def field_name(location: str, path: str) -> str:
    """The path of a refused input as the client wrote it."""
    if location == "headers":
        return _HEADERS.get(path, path)
    path = re.sub(r"(\bdecisions\.\d+)\.(choice|entry)\b", r"\1", path)
    return path.removesuffix(".[key]").replace("_schema", "body")
