"""Who may do what is written down: every route, method and principal of the URL map against the written table."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from configurator import db
from configurator.auth import Role, allowed_roles
from configurator.sales.parties import Party
from tests.configurator.security.audience import AUDIENCE, PUBLIC
from tests.configurator.security.house import (
    METHODS,
    PRINCIPALS,
    VISITOR,
    Documents,
    as_program,
    endpoint_of,
    fingerprint,
    rules,
    sent_with,
)

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
Who = Callable[[str], FlaskClient]
SECRETS = (b"Alice Alpha", b"alice@alpha", b"Bob Beta", b"Carol Gamma", b"Sam Seller", b"SO-2", b"Q-2", b"MO-2")


def _gaps(app: APIFlask) -> list[str]:
    """What the table and the application say differently."""
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    gaps = [f"{name} is not in the table" for name in sorted(endpoints - set(AUDIENCE))]
    gaps += [f"{name} is in the table only" for name in sorted(set(AUDIENCE) - endpoints)]
    return gaps + [
        f"{name} says {allowed_roles(app, name)}" for name in sorted(endpoints & set(AUDIENCE))
        if allowed_roles(app, name) != AUDIENCE[name]
    ]


def test_every_route_is_in_the_table_and_says_the_same(app: APIFlask) -> None:
    assert _gaps(app) == []


def test_an_unlisted_or_open_route_would_be_found(app: APIFlask) -> None:
    """Negative control: a new route, and a guard that was taken away."""
    app.add_url_rule("/new-page", "new_page", lambda: "x")
    app.view_functions["sales.index"].allowed_roles = PUBLIC  # type: ignore[attr-defined]
    try:
        assert _gaps(app) == ["new_page is not in the table", f"sales.index says {PUBLIC}"]
    finally:
        app.view_functions["sales.index"].allowed_roles = AUDIENCE["sales.index"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [VISITOR, Role.ADMINISTRATOR.value])
def test_a_route_that_names_no_audience_answers_nobody(app: APIFlask, who: Who, factory: int, name: str) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    answer = who(name).get("/forgotten")
    assert answer.status_code == 403
    assert b"secret" not in answer.data


def test_whoever_is_not_meant_is_refused_and_nothing_happens(app: APIFlask, who: Who, documents: Documents) -> None:
    """Every address x method x principal that the table does not allow.

    What no route has is refused before anybody is asked who they are, so two principals try that.
    """
    addresses = sorted({(documents.address(rule), rule.rule.startswith("/api/")) for rule in rules(app)})
    for name in PRINCIPALS:
        client = who(name)
        before = fingerprint()
        tried = 0
        for address, is_api in addresses:
            for method in METHODS:
                endpoint = endpoint_of(app, address, method)
                if endpoint is None and name not in (VISITOR, Role.ADMINISTRATOR.value):
                    continue
                if endpoint is not None and (not AUDIENCE[endpoint] or name in AUDIENCE[endpoint]):
                    continue
                answer = client.open(address, method=method, **(as_program(endpoint, client) if is_api else {}))
                tried += 1
                at = f"{name} {method} {address}: {answer.status_code}"
                if endpoint is None:
                    assert answer.status_code == 405, at
                elif name == VISITOR and method == "GET" and not is_api:
                    assert answer.status_code == 302 and answer.location.startswith("/login?next="), at
                else:
                    assert answer.status_code == (401 if is_api and name == VISITOR else 403), at
                assert not any(secret in answer.data for secret in SECRETS), at
        assert tried > 30, name
        assert fingerprint() == before, f"a denial of {name} had a side effect"


def test_whoever_is_meant_gets_every_page_and_may_send_every_form(
    app: APIFlask, who: Who, documents: Documents
) -> None:
    """A form is answered: done or refused for its content, never for who sent it."""
    tried = set()
    for name in (VISITOR, *(role.value for role in Role)):
        client = who(name)
        for rule in rules(app):
            roles, address = AUDIENCE[rule.endpoint], documents.address(rule)
            if (roles and name not in roles) or rule.endpoint.endswith("static"):
                continue
            if "GET" in (rule.methods or ()):
                guarded = roles and rule.rule.startswith("/api/")
                answer = client.get(address, **(as_program(rule.endpoint, client) if guarded else {}))
                # partners have a token; a file is its owner's: tests/configurator/storefront/test_uploads.py; the file
                # that was handed in has no product: tests/configurator/modelling/test_submissions.py
                alone = rule.endpoint in (
                    "api.free_capacity", "api.reservations", "upload.show", "upload.of_order",
                    "modelling.submitted_rules",
                )  # fmt: skip
                wanted = (404,) if alone else (200, 302)
                assert answer.status_code in wanted, f"{name} GET {address}: {answer.status_code}"
                tried.add(rule.endpoint)
        for rule in rules(app):
            roles, address = AUDIENCE[rule.endpoint], documents.address(rule)
            if "POST" not in (rule.methods or ()) or (roles and name not in roles) or rule.endpoint == "admin.logout":
                continue
            is_api = rule.rule.startswith("/api/")
            form = {"data": sent_with(rule.endpoint, documents)}
            answer = client.post(address, **(as_program(rule.endpoint, client) if is_api else form))
            expected = (200, 302, 303, 404, 409, 422)
            assert answer.status_code in expected, f"{name} POST {address}: {answer.status_code}"
            tried.add(rule.endpoint)
    # What is given back is there for nobody after it: tests/configurator/api/test_several.py.
    assert set(AUDIENCE) - tried == {"static", "admin.logout", "api.give_up_hold"}


def test_a_withdrawn_role_is_refused_at_the_next_request(app: APIFlask, who: Who, documents: Documents) -> None:
    from sqlmodel import delete

    from configurator.admin.models import UserRole

    client = who("sales")
    assert client.get("/sales/").status_code == 200
    with db.writing() as session:
        session.execute(delete(UserRole).where(UserRole.user_id == client.user_id))  # type: ignore[attr-defined,arg-type]
    assert client.get("/sales/").status_code == 403


def test_metrics_are_for_this_machine_or_for_a_token(app: APIFlask, factory: int) -> None:
    client = app.test_client()
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 404


def test_the_secrets_looked_for_are_really_in_the_house(documents: Documents) -> None:
    """Negative control of the matrix: what must not leak is there to be leaked."""
    from sqlmodel import select

    with db.reading() as session:
        names = set(session.exec(select(Party.name)).all())
    assert {"Alice Alpha", "Bob Beta", "Carol Gamma", "Sam Seller"} <= names
