"""A program reads a product's rules as UVL, and has a model of another tool analysed; nothing of it is stored."""

from __future__ import annotations

import io
import time
import zipfile
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlmodel import func, select

from catalog.uvl import read_uvl
from configurator import db
from configurator.aside import Busy, aside
from configurator.jobs import Job
from configurator.modelling import feature_models, services
from configurator.modelling.models import Submission
from tests.catalog.small import LAMP

LIGHTS = """features
    Lamp
        mandatory
            Light
                alternative
                    Led
                    Halogen
        optional
            Dimmer
constraints
    Dimmer => Led
    Halogen => !Dimmer
"""
XML = """<featureModel><struct><and mandatory="true" name="Lamp"><feature name="Led"/><feature name="Dimmer"/></and>
</struct><constraints><rule><imp><var>Dimmer</var><not><var>Dimmer</var></not></imp></rule></constraints></featureModel>
"""


@pytest.fixture
def database_kind() -> str:
    """What is analysed does not depend on the database."""
    return "sqlite"


@pytest.fixture
def password(login: Callable[..., FlaskClient]) -> tuple[str, str]:
    return login("modeller").password  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def send(program: FlaskClient, password: tuple[str, str]) -> Callable[..., Any]:
    """`send(data, filename=…)`: have a model analysed by a modeller."""

    def post(data: bytes, **said: Any) -> Any:
        return program.post("/api/v1/feature-models", json={"data": b64encode(data).decode()} | said, auth=password)

    return post


def zipped(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.uvl", text)
    return packed.getvalue()


# --- out --------------------------------------------------------------------------------------------------------------


def test_rules_are_read_as_uvl_by_revision(program: FlaskClient, company_id: int, password: tuple[str, str]) -> None:
    services.load_file(company_id, LAMP.encode(), actor_id=None)
    first = program.get("/api/v1/products/lamp/rules", auth=password).get_json()
    assert (first["product"], first["revision"], first["left_out"]) == ("lamp", 1, [])
    assert {"lamp", "red", "blue", "height"} <= read_uvl(first["uvl"]).features.keys()
    services.load_file(company_id, LAMP.replace("en: Lamp", "en: Light").encode(), actor_id=None)
    newest, one = (
        program.get(f"/api/v1/products/lamp/rules{query}", auth=password).get_json() for query in ("", "?revision=1")
    )
    assert newest["revision"] == 2 and one == first
    for address in ("lamp/rules?revision=3", "lantern/rules"):
        assert program.get(f"/api/v1/products/{address}", auth=password).status_code == 404
    wrong = program.get("/api/v1/products/lamp/rules?revision=0", auth=password)
    assert (wrong.status_code, wrong.get_json()["error"]["field"]) == (422, "revision")


def test_only_a_modeller_reads_rules_or_has_a_model_analysed(
    program: FlaskClient, login: Callable[..., FlaskClient], company_id: int
) -> None:
    services.load_file(company_id, LAMP.encode(), actor_id=None)
    body = {"data": b64encode(LIGHTS.encode()).decode()}
    for auth, status in ((None, 401), (login("planner").password, 403)):  # type: ignore[attr-defined]
        assert program.get("/api/v1/products/lamp/rules", auth=auth).status_code == status
        assert program.post("/api/v1/feature-models", json=body, auth=auth).status_code == status


# --- in ---------------------------------------------------------------------------------------------------------------


def test_a_model_is_analysed_like_a_product_and_not_stored(send: Callable[..., Any]) -> None:
    answer = send(LIGHTS.encode())
    assert answer.status_code == 200, answer.text
    found = answer.get_json()
    assert (found["features"], found["constraints"], found["notes"]) == (5, 2, [])
    assert found["analysis"]["variants"]["exact"] == "3" and not found["analysis"]["void"]
    assert {row["option"]["en"] for row in found["analysis"]["core"]["rows"]} == {"Lamp", "Light"}
    (redundant,) = [row["rule"] for row in found["analysis"]["redundant"]["rows"] if "line" in row["rule"]["id"]][:1]
    assert redundant["en"] in ("Dimmer => Led", "Halogen => !Dimmer")
    with db.reading() as session:
        for table in (Submission, Job):
            assert session.exec(select(func.count()).select_from(table)).one() == 0


def test_a_zip_of_models_and_featureide_are_told_by_their_content(send: Callable[..., Any]) -> None:
    shop = "imports\n    lights as l\nfeatures\n    Shop\n        mandatory\n            l.Lamp\n"
    several = send(zipped(shop=shop, lights=LIGHTS), filename="shop.zip").get_json()
    assert several["features"] == 6 and several["analysis"]["variants"]["exact"] == "3"
    xml = send(XML.encode(), filename="lamp.xml").get_json()
    assert [row["option"]["en"] for row in xml["analysis"]["dead"]["rows"]] == ["Dimmer"]


def test_a_void_model_is_answered_with_what_contradicts_what(send: Callable[..., Any]) -> None:
    found = send(LIGHTS.replace("Dimmer => Led", "!Light").encode()).get_json()
    assert found["analysis"]["void"] and found["facts"] is None
    (row,) = found["analysis"]["contradictions"]["rows"]
    assert "!Light" in [rule["en"] for rule in row["rules"]]


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        (b"features\n    Lamp\n        wrong\n            Led\n", "not_a_feature_model", "lamp.uvl:3"),
        (b"\xff\xfe\x00\xd8", "not_a_feature_model", "lamp.uvl:1"),  # begins like XML in UTF-16
        (b"features\n    Lamp\n\xff", "not_a_feature_model", "lamp.uvl:3"),
        (b"imports\n    light\nfeatures\n    Lamp\n", "not_a_feature_model", "lamp.uvl:2"),  # is not there
        (b"PK\x03\x04 and so on", "not_a_feature_model", "lamp.uvl"),
        (zipped(a=LIGHTS, b=LIGHTS), "not_a_feature_model", "lamp.uvl"),  # which of them?
        (LIGHTS.replace("Halogen => !Dimmer", "Lamp => 'a' < 'b'").encode(), "not_supported", "lamp.uvl:12"),
    ],
)
def test_what_is_no_model_is_refused_by_file_and_line(
    send: Callable[..., Any], data: bytes, code: str, place: str
) -> None:
    answer = send(data, filename="lamp.uvl")
    error = answer.get_json()["error"]
    assert (answer.status_code, error["code"]) == (409, code), answer.text
    assert place in [one["field"] for one in error["fields"]] and all(one["message"] for one in error["fields"])


def test_the_file_of_a_zip_is_named_that_is_wrong(send: Callable[..., Any]) -> None:
    shop = "imports\n    lights as l\nfeatures\n    Shop\n        mandatory\n            l.Lamp\n"
    answer = send(zipped(shop=shop, lights=f"{LIGHTS}    Dimmer =>\n"), filename="shop.zip", main="shop.uvl")
    assert [one["field"] for one in answer.get_json()["error"]["fields"]] == ["lights.uvl:13"]


@pytest.mark.parametrize(
    "bomb",
    [
        zipped(model="features\n    " + "a" * 20_000_000),  # 20 kB of zip
        f"features\n    A\nconstraints\n    {'(' * 100_000}A{')' * 100_000}\n".encode(),
        b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><featureModel>&b;</featureModel>',
    ],
)
def test_a_bomb_is_refused_within_two_seconds(send: Callable[..., Any], bomb: bytes) -> None:
    began = time.monotonic()
    answer = send(bomb)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "not_a_feature_model"), answer.text
    assert time.monotonic() - began < 2


def test_what_takes_too_long_is_ended(company_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("configurator.aside.GRACE", 0.2)
    monkeypatch.setattr(feature_models, "read_feature_data", lambda *_: time.sleep(30))
    began = time.monotonic()
    with pytest.raises(feature_models.TookTooLong):
        feature_models.analysed_model(LIGHTS.encode(), "lamp.uvl", None, seconds=0.3)
    assert time.monotonic() - began < 5


def test_one_model_at_a_time_and_a_second_thought_beside_it(send: Callable[..., Any]) -> None:
    with feature_models._one:
        busy = send(LIGHTS.encode())
        assert (busy.status_code, busy.get_json()["error"]["code"]) == (429, "busy")
        assert aside(lambda: 7, seconds=5) == 7
        with pytest.raises(Busy):
            aside(lambda: 7, seconds=5, one=feature_models._one)
    assert send(LIGHTS.encode()).status_code == 200


def test_what_is_read_as_uvl_can_be_sent_back(
    program: FlaskClient, company_id: int, password: tuple[str, str], send: Callable[..., Any]
) -> None:
    services.load_file(company_id, LAMP.encode(), actor_id=None)
    rules = program.get("/api/v1/products/lamp/rules", auth=password).get_json()
    assert not send(rules["uvl"].encode()).get_json()["analysis"]["void"]
