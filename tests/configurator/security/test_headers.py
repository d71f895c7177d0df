"""Security headers: on every page, every refusal and every file, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from configurator.auth import Role, public
from tests.configurator.security.house import METHODS, VISITOR, Documents, rules

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
Who = Callable[[str], FlaskClient]

NEEDED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
DIRECTIVES = {
    "default-src": {"'self'"}, "script-src": {"'self'"}, "style-src": {"'self'"}, "connect-src": {"'self'"},
    "object-src": {"'none'"}, "base-uri": {"'none'"}, "form-action": {"'self'"}, "frame-ancestors": {"'none'"},
}


def _missing(answer: Any) -> list[str]:
    """What the answer's headers lack."""
    missing = [name for name, value in NEEDED.items() if answer.headers.get(name, "").lower() != value.lower()]
    policy = {
        directive.split()[0]: set(directive.split()[1:])
        for directive in answer.headers.get("Content-Security-Policy", "").split(";") if directive.strip()
    }
    missing += [name for name, sources in DIRECTIVES.items() if policy.get(name) != sources]
    loose = {"'unsafe-inline'", "'unsafe-eval'", "*", "http:", "https:"}
    return missing + [f"{name} {loose & sources}" for name, sources in policy.items() if loose & sources]


def test_every_answer_has_them(app: APIFlask, who: Who, documents: Documents) -> None:
    statuses = set()
    addresses = {documents.address(rule) for rule in rules(app)} | {"/no-such-page", "/api/v1/no-such-page"}
    for name in (VISITOR, *(role.value for role in Role)):
        client = who(name)
        for address in sorted(addresses):
            for method in METHODS if name == VISITOR else ("GET",):
                answer = client.open(address, method=method)
                statuses.add(answer.status_code)
                if address.startswith("/pictures/") and answer.status_code == 200:
                    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox", address
                    assert [name for name in NEEDED if name in _missing(answer)] == [], address
                    continue  # what was uploaded may do nothing at all; its address is its content's, for good
                assert _missing(answer) == [], f"{method} {address} {answer.status_code}"
                if answer.status_code == 200 and "static" not in address:
                    assert answer.headers["Cache-Control"] == "no-store", address
    assert {200, 302, 403, 404, 405} <= statuses


def test_an_error_of_ours_has_them_and_tells_nothing(app: APIFlask, factory: int) -> None:
    def broken() -> str:
        raise RuntimeError("the password is 1234")

    app.add_url_rule("/broken", "broken", public(broken))
    answer = app.test_client().get("/broken")
    assert answer.status_code == 500
    assert _missing(answer) == []
    assert b"1234" not in answer.data and b"Traceback" not in answer.data and b"RuntimeError" not in answer.data


def test_a_missing_or_loose_header_would_be_found(app: APIFlask, factory: int) -> None:
    """Negative control: one header away, and a policy that allows scripts inside the page."""

    @app.after_request
    def loosen(response: Any) -> Any:
        del response.headers["X-Frame-Options"]
        policy = response.headers["Content-Security-Policy"]
        response.headers["Content-Security-Policy"] = policy.replace("script-src 'self'", "script-src 'unsafe-inline'")
        return response

    app.after_request_funcs[None].reverse()  # run last
    found = _missing(app.test_client().get("/login"))
    assert "X-Frame-Options" in found and "script-src" in found and any("unsafe-inline" in fault for fault in found)


def test_https_is_kept_once_it_was_used(app: APIFlask, factory: int) -> None:
    client = app.test_client()
    assert "max-age=31536000" in client.get("/login", base_url="https://localhost").headers["Strict-Transport-Security"]
    assert "Strict-Transport-Security" not in client.get("/login").headers


def test_a_host_that_is_not_ours_gets_nothing(app: APIFlask, factory: int) -> None:
    for host in ("evil.example", "localhost.evil.example", "localhost@evil.example", ""):
        assert app.test_client().get("/login", headers={"Host": host}).status_code == 400, host
