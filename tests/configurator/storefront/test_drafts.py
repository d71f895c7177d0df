"""Drafts: kept under names for an account or a browser, opened by an address, told what a new catalog broke."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlmodel import select

from catalog.load import load_catalog
from catalog.rows import utc_now
from configurator import db
from configurator.outbox import OutboxMail
from configurator.sales.configurations import Selection
from configurator.sales.mails import forget_addresses, message_of, send_due_mails
from configurator.sales.parties import Party
from configurator.sales.visitors import Visitor
from configurator.storefront.drafts import (
    KEPT_FOR,
    MAILS,
    MOST,
    DraftsFull,
    Trouble,
    drafts_of,
    forget_old_drafts,
    save_draft,
)
from solver.configuration.problem import Choose, GroupId, OptionId
from tests.catalog.small import LAMP

RED = Choose(GroupId("colour"), OptionId("red"))


def save(client, name: str, query: str = "colour=blue") -> str:
    answer = client.post(f"/products/lamp/draft?{query}&lang=en", data={"name": name})
    assert (answer.status_code, answer.location) == (303, "/drafts")
    page = client.get("/drafts").text
    found = re.search(rf'href="/drafts/([\w-]+)"><bdi>{name}<', page)
    assert found, page
    return found[1]


def test_a_draft_is_listed_opened_renamed_and_deleted_by_the_browser_that_saved_it(client, lamp):
    assert "Nothing is saved yet" in client.get("/drafts?lang=en").text
    token = save(client, "For the hallway", "colour=blue&height=30")
    page = client.get("/drafts").text
    assert "Colour: Blue" in page
    assert "Height: 30 cm" in page
    opened = client.get(f"/drafts/{token}")
    assert opened.location.startswith("/products/lamp?colour=blue&height=30")
    assert client.post(f"/drafts/{token}/name", data={"name": "  For the desk "}).status_code == 303
    assert "For the desk" in client.get("/drafts").text
    assert client.post(f"/drafts/{token}/name", data={"name": ""}).status_code == 303
    page = client.get("/drafts").text
    assert "Please fill this in." in page
    assert "For the desk" in page
    client.post(f"/drafts/{token}/delete")
    assert "Nothing is saved yet" in client.get("/drafts").text
    assert client.get(f"/drafts/{token}").status_code == 404


def test_what_was_typed_is_in_the_draft(client, lamp):
    typed = client.post("/products/lamp/texts?colour=red&lang=en", data={"label": "你好"})
    query = typed.location.partition("?")[2]
    token = save(client, "With words", query)
    page = client.get(client.get(f"/drafts/{token}").location).text
    assert 'value="你好"' in page


def test_the_same_name_is_the_same_draft_and_a_bad_one_is_told_beside_what_was_typed(client, lamp):
    save(client, "One", "colour=red")
    save(client, "One", "colour=blue")
    page = client.get("/drafts?lang=en").text
    assert page.count('href="/drafts/compare') == 0
    assert page.count('id="draft-') == 1
    assert "Colour: Blue" in page
    answer = client.post("/products/lamp/draft?colour=red&lang=en", data={"name": "x" * 81})
    assert answer.status_code == 422
    assert f'value="{"x" * 81}"' in answer.text
    assert 'id="name-error"' in answer.text


def test_another_browser_sees_nothing_of_it_but_by_its_address(app, client, lamp):
    token = save(client, "Mine")
    stranger = app.test_client()
    assert "Mine" not in stranger.get("/drafts").text
    assert stranger.get(f"/drafts/{token}").status_code == 302
    for deed in ("name", "delete"):
        assert stranger.post(f"/drafts/{token}/{deed}", data={"name": "Theirs"}).status_code == 404
    assert "Mine" in client.get("/drafts").text


def test_an_account_has_its_drafts_in_every_browser(app, login, lamp):
    client = login("buyer")
    token = save(client, "At home")
    assert "configurator_visitor" not in str(client.get("/drafts").headers)
    with db.reading() as session:
        from configurator.sales.models import Draft

        row = session.exec(select(Draft)).one()
        assert (row.user_id, row.holder, row.token) == (client.user_id, "", token)
    assert "At home" not in login("buyer").get("/drafts").text


def test_what_a_new_catalog_broke_is_told_and_opening_it_offers_repairs(client, lamp):
    good, broken = save(client, "Good", "colour=red"), save(client, "Broken", "shade=large&height=30")
    narrower = LAMP.replace("expression: height > 40 =>", "expression: height > 20 =>")
    with db.writing() as session:
        load_catalog(session, lamp.company_id, narrower, loaded_at=utc_now() + timedelta(seconds=1))
    page = client.get("/drafts?lang=en").text
    assert page.count("does not go together any more") == 1
    opened = client.get(client.get(f"/drafts/{broken}").location + "&lang=en").text
    assert 'id="repair-1"' in opened
    assert 'id="repair-1"' not in client.get(client.get(f"/drafts/{good}").location).text


def test_drafts_are_compared_side_by_side(client, lamp):
    tokens = [save(client, "One", "colour=red"), save(client, "Two", "colour=blue")]
    where = client.get("/drafts/compare", query_string={"draft": tokens}).location
    page = client.get(where + "&lang=en").text
    assert "Red" in page
    assert "Blue" in page
    assert re.findall(r'class="column-title">([^<]*)<', page) == ["Blue", "Red"]
    alone = client.get("/drafts/compare", query_string={"draft": tokens[:1]}, follow_redirects=True).text
    assert "Tick at least two drafts" in alone


def sent() -> list[OutboxMail]:
    with db.reading() as session:
        return [mail for mail in session.exec(select(OutboxMail)).all() if mail.template == "draft_link"]


@pytest.mark.parametrize(("language", "says"), [("zh", "灯"), ("en", "Lamp")])
def test_the_link_comes_by_mail_and_gives_the_draft_to_another_browser(app, client, lamp, language, says):
    token = save(client, "Secret words", "colour=red")
    asked = client.post(f"/drafts/{token}/mail?lang={language}", data={"mail": "li@example.com"})
    assert asked.status_code == 303 and "li@example.com" in client.get("/drafts").text
    (mail,) = sent()
    message = message_of(mail, app.config["SETTINGS"])
    body = message.get_body().get_content()
    assert says in body and "Secret words" not in message.as_string()  # whoever asks puts no words into it
    path = re.search(rf"/drafts/[\w-]+/take\?lang={language}", body)[0]
    other = app.test_client()
    assert "Secret words" in other.get(path).text
    assert "Secret words" not in other.get("/drafts").text  # a look writes nothing
    kept = other.post(path)
    assert other.get(kept.location).location.startswith("/products/lamp?colour=red")
    assert "Secret words" in other.get("/drafts").text
    other.post(path)  # twice is once
    own = re.findall(r'id="draft-([\w-]+)"', other.get("/drafts").text)
    assert len(own) == 1 and own != [token]
    other.post(f"/drafts/{own[0]}/delete")
    assert "Secret words" in client.get("/drafts").text  # the first one is still there


def test_a_taken_draft_replaces_none_of_the_same_name(app, client, lamp):
    token, other = save(client, "Mine", "colour=red"), app.test_client()
    save(other, "Mine", "colour=blue")
    other.post(f"/drafts/{token}/take")
    page = other.get("/drafts?lang=en").text
    assert "Mine (2)" in page and "Colour: Blue" in page and "Colour: Red" in page


def test_nobody_is_sent_many_links_and_nobody_sends_anothers(app, client, lamp):
    tokens = [save(client, f"No {number}") for number in range(2)]
    stranger = app.test_client()
    for token in (tokens[0], "A" * 22):
        assert stranger.post(f"/drafts/{token}/mail", data={"mail": "li@example.com"}).status_code == 404
    wrong = client.post(f"/drafts/{tokens[0]}/mail?lang=en", data={"mail": "li@"})
    assert wrong.status_code == 422 and 'value="li@"' in wrong.text and "not an email address" in wrong.text
    assert sent() == []
    for number in range(MAILS):
        answer = client.post(f"/drafts/{tokens[number % 2]}/mail", data={"mail": "li@example.com"})
        assert answer.status_code == 303
    for mail in ("li@example.com", "LI@example.com", "other@example.com"):  # by the address, and by who asks
        answer = client.post(f"/drafts/{tokens[0]}/mail?lang=en", data={"mail": mail})
        assert answer.status_code == 429 and "Several links were sent just now" in answer.text
    theirs = save(stranger, "Theirs")
    assert stranger.post(f"/drafts/{theirs}/mail", data={"mail": "li@example.com"}).status_code == 429
    assert stranger.post(f"/drafts/{theirs}/mail", data={"mail": "free@example.com"}).status_code == 303  # the control
    assert len(sent()) == MAILS + 1


def test_the_address_of_a_link_is_not_kept(app, client, lamp):
    token = save(client, "Mine")
    client.post(f"/drafts/{token}/mail", data={"mail": "li@example.com"})
    assert forget_addresses() == 0  # it still has to go there
    send_due_mails(app.config["SETTINGS"])
    assert forget_addresses() == 1 and forget_addresses() == 0
    with db.reading() as session:
        assert "li@example.com" not in {party.mail for party in session.exec(select(Party)).all()}


def test_there_are_so_many_drafts_and_those_of_no_account_end(lamp):
    chosen, owner = Selection("lamp", (RED,)), Visitor()
    for number in range(MOST):
        owner = Visitor(holder=save_draft(lamp.company_id, owner, f"No. {number}", lamp, chosen, "DE").holder)
    with pytest.raises(DraftsFull):
        save_draft(lamp.company_id, owner, "One more", lamp, chosen, "DE")
    save_draft(lamp.company_id, owner, "No. 3", lamp, chosen, "DE", now=utc_now() + timedelta(days=2))
    assert forget_old_drafts(now=utc_now() + KEPT_FOR + timedelta(days=1)) == MOST - 1
    assert [(one.name, one.trouble) for one in drafts_of(lamp.company_id, owner)] == [("No. 3", None)]
    assert drafts_of(lamp.company_id, Visitor()) == ()
    assert Trouble.CHANGED not in {one.trouble for one in drafts_of(lamp.company_id, owner)}
