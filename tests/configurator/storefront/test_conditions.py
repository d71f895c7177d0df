"""Questions that depend on other answers, and components, on the shop's page and in the API."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from catalog.offer import Offer
from configurator.storefront import service
from solver.configuration.problem import Choose, Decision, Enter

FRAMED: tuple[Decision, ...] = (Choose("drawer_2_front", "framed"), Choose("drawer_2_knob", "steel"))  # type: ignore[arg-type]


def click(offer: Offer, *decisions: Decision, before: tuple[Decision, ...] | None = None) -> service.Click:
    return service.click(offer, decisions, country="DE", before=before, seconds=10)


def page(client: FlaskClient, query: str = "", language: str = "en") -> str:
    response = client.get(f"/products/chest?{query}", headers={"Accept-Language": language})
    assert response.status_code == 200
    return response.text


def test_the_standing_completion_takes_defaults_only_where_they_are_asked(chest: Offer) -> None:
    plain = click(chest).standing
    assert (plain.chosen["finish"], plain.chosen["gloss"], plain.numbers["ral"]) == ({"plain"}, frozenset(), 0)  # type: ignore[index]
    assert plain.chosen["drawer_2_front"] == {"flat"} and plain.chosen["drawer_3_front"] == frozenset()  # type: ignore[index]
    special = click(chest, Choose("finish", "special")).standing  # type: ignore[arg-type]
    assert (special.chosen["gloss"], special.numbers["ral"]) == ({"matt"}, 3000)  # type: ignore[index]
    oak = click(chest, Choose("board", "oak")).standing  # type: ignore[arg-type]
    assert oak.chosen["drawer_1_front"] == {"framed"}  # type: ignore[index] - preferred in oak


def test_an_answer_goes_with_its_question(chest: Offer) -> None:
    two = (Enter("drawers", 2), *FRAMED)  # type: ignore[arg-type]
    one = click(chest, Enter("drawers", 1), *FRAMED, before=two)  # type: ignore[arg-type]
    assert one.refusal is None and set(one.left_out) == set(FRAMED)
    assert one.decisions == (Enter("drawers", 1),)  # type: ignore[arg-type]


def test_a_no_that_is_about_more_than_unasked_questions_stays_a_no(chest: Offer) -> None:
    before = (Choose("board", "oak"), Choose("finish", "special"), Choose("gloss", "high"))  # type: ignore[arg-type]
    answered = click(chest, *before, Enter("width", 1150), before=before)  # type: ignore[arg-type]
    assert answered.refusal is not None and "plate:row" in answered.refusal.conflict.rules
    assert answered.decisions == before


@pytest.mark.parametrize(
    ("language", "unasked", "unit"), [("en", "Gloss, Colour number", "drawers"), ("zh-CN", "光泽、色号", "个")]
)
def test_the_page_asks_what_is_needed_and_names_the_rest(
    client: FlaskClient, chest: Offer, language: str, unasked: str, unit: str
) -> None:
    text = page(client, language=language)
    assert 'id="q-gloss"' not in text and 'id="q-ral"' not in text and unasked in text
    assert f'<span id="u-drawers">{unit}</span>' in text
    special = page(client, "finish=special", language)
    assert 'id="q-gloss"' in special and 'id="i-ral"' in special and 'class="unasked"' not in special
    assert 'min="1000"' in special  # the 0 of "not needed" is nothing to enter


def test_every_drawer_has_its_own_heading_above_its_questions(client: FlaskClient, chest: Offer) -> None:
    text = page(client, "drawers=2&drawer_2_front=framed")
    headings = re.findall(r"<(h[234])[^>]*>([^<]*)<", text)
    assert ("h3", "Drawer 1") in headings and ("h3", "Drawer 2") in headings and ("h3", "Drawer 3") not in headings
    second = headings[headings.index(("h3", "Drawer 2")) :]
    assert [name for level, name in second if level == "h4"] == ["Front", "Knob", "Front height"]
    assert "_knob" not in page(client, "drawers=2&drawer_2_front=flat")


def test_an_answer_that_went_with_its_question_is_said_and_can_be_undone(client: FlaskClient, chest: Offer) -> None:
    query = "drawers=1&drawer_2_front=framed&step-back=drawers:2"
    text = page(client, query)
    assert "Left out" in text and "Drawer 2: Front: Framed" in text
    undo = re.search(r'id="undo" href="([^"]*)"', text)
    assert undo is not None and "drawers=2" in undo[1] and "drawer_2_front=framed" in undo[1]


def test_a_conflict_about_a_question_is_told_in_words(client: FlaskClient, chest: Offer) -> None:
    text = page(client, "board=pine&width=1100")
    assert "A wide chest is made of oak." in text


def test_the_api_names_conditions_units_and_instances(client: FlaskClient, chest: Offer) -> None:
    product = client.get("/api/v1/products/chest").get_json()
    groups = {group["id"]: group for group in product["groups"]}
    parameters = {parameter["id"]: parameter for parameter in product["parameters"]}
    assert groups["gloss"]["when"] == "finish.special" and groups["board"]["when"] is None
    assert groups["drawer_2_knob"]["name"] == {"zh": "抽屉 2：拉手", "en": "Drawer 2: Knob"}
    assert (parameters["ral"]["when"], parameters["ral"]["otherwise"]) == ("finish.special", 0)
    assert parameters["drawers"]["unit"] == {"zh": "个", "en": "drawers"} and parameters["width"]["unit"] == "mm"
    assert [place["id"] for place in product["components"]] == ["drawer_1", "drawer_2", "drawer_3"]
    assert product["texts"][0]["patterns"][0] == {
        "when": "board.oak", "minimum_length": None, "maximum_length": 5, "pattern": "[A-Z]+",
    }  # fmt: skip


def test_the_api_never_offers_the_value_of_what_is_not_asked(client: FlaskClient, chest: Offer) -> None:
    answer = client.post("/api/v1/products/chest/decide", json={"decisions": []}).get_json()
    assert answer["numbers"]["ral"] == [{"minimum": 1000, "maximum": 9000, "step_size": 1}]
    assert answer["completion"]["numbers"]["ral"] == 0  # a complete configuration can be sent back as it is


def test_the_api_judges_a_text_by_what_is_chosen(client: FlaskClient, chest: Offer) -> None:
    oak = [{"group": "board", "option": "oak"}]
    for typed, message in (("A", "At least 2 characters."), ("ABCDEF", "At most 5 characters."), ("ABC", None)):
        body = {"decisions": oak, "texts": {"label": typed}, "country": "DE"}
        refused = client.post("/api/v1/products/chest/decide", json=body).get_json()["refused_texts"]
        assert [one["message"] for one in refused] == ([] if message is None else [message])
