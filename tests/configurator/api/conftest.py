"""What the API's tests stand on: a program that calls it, and an order that it could place."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from flask.testing import FlaskClient

BUYER = {
    "name": "李雷", "mail": "lilei@example.com", "phone": "+86 21 5555 0100", "street": "中山路 100 号",
    "postal_code": "200040", "city": "上海", "country": "CN", "language": "zh",
}


@pytest.fixture
def program(app: Any) -> FlaskClient:
    """A client without cookies and without forms."""
    return FlaskClient(app, app.response_class, use_cookies=False)


@pytest.fixture
def order_body(factory: int, program: FlaskClient) -> Callable[..., dict[str, Any]]:
    """`order_body(engraving="…")`: the body of an order of a bicycle at the price and date that a promise gave."""

    def promised(**texts: str) -> dict[str, Any]:
        asked = {"decisions": [{"group": "colour", "option": "sky"}], "texts": texts, "country": "CN"}
        answer = program.post("/api/v1/products/bicycle/promise", json=asked)
        assert answer.status_code == 200, answer.text
        found = answer.get_json()
        return {
            "product": "bicycle", "variant": found["variant"], "buyer": deepcopy(BUYER),
            "shown": {
                "gross_minor": found["price"]["gross_minor"], "currency": found["price"]["currency"],
                "arrives_on": found["date"]["arrives_on"],
            },
        }

    return promised


@pytest.fixture
def place(program: FlaskClient) -> Callable[..., Any]:
    """`place(body, key=…)`: send an order; a new key each time unless one is given."""

    def send(body: dict[str, Any], key: str | None = None, **headers: str) -> Any:
        key = key or uuid.uuid4().hex
        return program.post("/api/v1/orders", json=body, headers={"Idempotency-Key": key, **headers})

    return send
