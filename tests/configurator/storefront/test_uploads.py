"""Files: checked by what they contain, beside everything else that was typed, read by those they are for, forgotten."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlmodel import select

from catalog.load import load_catalog
from catalog.rows import utc_now
from configurator import db
from configurator.auth import Role
from configurator.errors import NotValid
from configurator.sales import uploads
from configurator.sales.configurations import Configuration, Selection, save_configuration
from configurator.sales.old_files import KEPT_FOR, forget_old_files
from configurator.sales.uploads import StoredFile, Upload
from configurator.storefront import service
from tests.catalog.chest import CHEST
from tests.catalog.small import LAMP

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><style>path{fill:red}</style><path d="M0 0h9v9z"/><text>A</text></svg>'
UPLOAD = """  uploads:
    - id: plan
      step: more
      name: {zh: 图纸, en: Plan}
      kinds: [pdf, svg]
      most_megabytes: 1
      when: colour.red
  rules:
"""


@pytest.fixture
def plan(company_id: int) -> None:
    """A lamp that, if it is red, asks for a plan."""
    with db.writing() as session:
        load_catalog(session, company_id, LAMP.replace("  rules:\n", UPLOAD), loaded_at=utc_now())


def send(client: FlaskClient, data: bytes, name: str = "plan.pdf", query: str = "colour=red"):  # type: ignore[no-untyped-def]
    return client.post(f"/products/lamp/files/plan?{query}&lang=en", data={"file": (BytesIO(data), name)})


def link_in(page: str) -> str:
    found = re.search(r'href="([\w/-]*/files/[\w-]+)"', page)
    assert found, page
    return found[1]


def test_a_file_is_named_on_the_page_and_comes_back_to_be_saved_only(client: FlaskClient, plan: None) -> None:
    answer = send(client, PDF)
    assert (answer.status_code, answer.location[-7:]) == (303, "#q-plan")
    page = client.get(answer.location).text
    assert f"plan.pdf ({-(-len(PDF) // 1000)} kB)" in page
    got = client.get(link_in(page))
    assert got.data == PDF
    assert got.headers["Content-Disposition"] == "attachment; filename=plan.pdf"
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in got.headers["Content-Security-Policy"]
    assert "no-store" in got.headers["Cache-Control"]


@pytest.mark.parametrize(("data", "said"), [
    (b"MZ\x90\x00 an installer", "By its content, whatever its name says, this is none of these: PDF, SVG, at most"),
    (b"\x89PNG\r\n\x1a\n" + bytes(40), "By its content this is PNG. Allowed: PDF, SVG, at most 1 MB."),
    (PDF + bytes(3_000_000), "This file has 3.0 MB. Allowed: PDF, SVG, at most 1 MB."),  # more than other pages take
    (SVG.replace(b"<path", b"<script/><path"), "has scripts in it"),
])  # fmt: skip
def test_a_wrong_file_is_told_in_words_and_nothing_else_is_lost(
    client: FlaskClient, plan: None, data: bytes, said: str
) -> None:
    typed = client.post("/products/lamp/texts?colour=red&height=30", data={"label": "你好"})
    answer = send(client, data, "plan.pdf", typed.location.partition("?")[2])
    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="你好"' in answer.text
    assert 'id="i-height" name="height" value="30"' in answer.text
    with db.reading() as session:
        assert not session.exec(select(Upload)).all()


def test_texts_and_files_are_kept_beside_each_other_and_a_file_is_removed(client: FlaskClient, plan: None) -> None:
    query = send(client, SVG, "logo.svg").location.partition("?")[2].partition("#")[0]
    typed = client.post(f"/products/lamp/texts?{query}", data={"label": "你好"})
    page = client.get(typed.location).text
    assert 'value="你好"' in page
    assert "logo.svg" in page
    query = typed.location.partition("?")[2]
    page = client.get(client.post(f"/products/lamp/files/plan/remove?{query}").location).text
    assert 'value="你好"' in page
    assert "logo.svg" not in page


def test_it_is_asked_only_where_its_condition_holds(client: FlaskClient, plan: None) -> None:
    query = send(client, PDF).location.partition("?")[2].partition("#")[0]
    page = client.get(f"/products/lamp?{query.replace('colour=red', 'colour=blue')}").text
    assert 'id="q-plan"' not in page
    assert "plan.pdf" not in page


def test_a_name_leads_nowhere(client: FlaskClient, plan: None) -> None:
    assert send(client, PDF, "../../etc/passwd").status_code == 303
    with db.reading() as session:
        assert [row.name for row in session.exec(select(Upload)).all()] == ["passwd.pdf"]


def test_a_stranger_reads_it_neither_by_its_address_nor_by_the_configurations(
    app: APIFlask, client: FlaskClient, login: Callable[..., FlaskClient], plan: None
) -> None:
    address = send(client, PDF).location
    link = link_in(client.get(address).text)
    stranger = app.test_client()
    assert stranger.get(link).status_code == 404
    assert stranger.get("/files/" + "A" * 22).status_code == 404
    shared = stranger.get(address)
    assert shared.status_code == 200
    assert "plan.pdf" not in shared.text
    assert login("buyer").get(link).status_code == 404
    for role in (Role.SALES, Role.PLANNER, Role.OPERATOR):
        assert login(role).get(link).data == PDF
    assert client.get(link).data == PDF


def test_a_configuration_takes_no_file_that_is_not_kept(company_id: int, plan: None) -> None:
    offer = service.offer_for(company_id, "lamp")
    for answer in ("x" * 22 + " 10 plan.pdf", "no file"):
        with pytest.raises(NotValid), db.writing() as session:
            save_configuration(session, company_id, offer, Selection("lamp", texts={"plan": answer}))


def test_equal_contents_are_stored_once_and_what_nothing_has_is_forgotten(client: FlaskClient, plan: None) -> None:
    kept, loose = send(client, PDF).location, send(client, PDF, "again.pdf").location
    query = kept.partition("?")[2].partition("#")[0]
    assert client.post(f"/products/lamp/draft?{query}", data={"name": "Mine"}).status_code == 303
    with db.reading() as session:
        assert len(session.exec(select(StoredFile)).all()) == 1
    later = utc_now() + KEPT_FOR + timedelta(hours=1)
    assert forget_old_files() == 0  # too young
    assert forget_old_files(now=later) == 1
    assert "plan.pdf" in client.get(kept).text
    assert "again.pdf" not in client.get(loose).text
    with db.reading() as session:
        assert len(session.exec(select(StoredFile)).all()) == 1
        assert not [row for row in session.exec(select(Configuration)).all() if "again.pdf" in str(row.texts)]
    draft = re.search(r'action="(/drafts/[\w-]+/delete)"', client.get("/drafts").text)
    assert draft
    assert "The draft and its files are deleted." in client.post(draft[1] + "?lang=en", follow_redirects=True).text
    with db.reading() as session:
        assert not session.exec(select(StoredFile)).all()


def test_a_draft_that_is_taken_along_has_its_files_there_and_each_side_deletes_its_own(
    app: APIFlask, client: FlaskClient, plan: None
) -> None:
    query = send(client, PDF).location.partition("?")[2].partition("#")[0]
    client.post(f"/products/lamp/draft?{query}", data={"name": "Mine"})
    token = re.search(r'action="/drafts/([\w-]+)/delete"', client.get("/drafts").text)[1]
    phone, stranger = app.test_client(), app.test_client()
    assert "plan.pdf" in phone.get(f"/drafts/{token}/take").text
    only_looked = stranger.get(f"/drafts/{token}", follow_redirects=True).text
    assert 'id="q-plan"' in only_looked and "plan.pdf" not in only_looked
    page = phone.post(f"/drafts/{token}/take", follow_redirects=True).text
    theirs, mine = link_in(page), link_in(client.get(f"/products/lamp?{query}").text)
    assert theirs != mine and phone.get(theirs).data == client.get(mine).data == PDF
    for reader, file in ((client, theirs), (phone, mine), (stranger, theirs)):
        assert reader.get(file).status_code == 404
    again = phone.post(f"/drafts/{token}/take", follow_redirects=True).text
    assert link_in(again) == theirs and len(re.findall("/delete", phone.get("/drafts").text)) == 1
    with db.reading() as session:
        assert len(session.exec(select(StoredFile)).all()) == 1
    client.post(f"/drafts/{token}/delete")
    assert client.get(mine).status_code == 404 and phone.get(theirs).data == PDF
    taken = re.search(r'action="(/drafts/[\w-]+/delete)"', phone.get("/drafts").text)[1]
    phone.post(taken)
    with db.reading() as session:
        assert not session.exec(select(Upload)).all() and not session.exec(select(StoredFile)).all()


def test_what_visitors_take_along_counts_as_what_they_send(
    app: APIFlask, client: FlaskClient, plan: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = send(client, PDF).location.partition("?")[2].partition("#")[0]
    client.post(f"/products/lamp/draft?{query}", data={"name": "Mine"})
    token = re.search(r'action="/drafts/([\w-]+)/delete"', client.get("/drafts").text)[1]
    monkeypatch.setattr(uploads, "GUESTS_AN_HOUR", 2 * len(PDF) - 1)
    phone = app.test_client()
    assert "Too many files" in phone.post(f"/drafts/{token}/take?lang=en", follow_redirects=True).text
    monkeypatch.setattr(uploads, "GUESTS_AN_HOUR", 2 * len(PDF))
    assert "plan.pdf" in phone.post(f"/drafts/{token}/take", follow_redirects=True).text


INSIDE = """\
      count: drawers
      uploads:
        - {id: plan, step: drawers, name: {zh: 图纸, en: Plan}, kinds: [svg], when: front_height > 150}
      groups:
"""


PLANS = """  items:
    - {id: plans, name: {zh: 图纸, en: Plans}, amount: "sum(drawer, when length(plan) > 0 then 7 else 0)"}
"""


@pytest.fixture
def asking_chest(company_id: int) -> None:
    """A chest whose drawers each ask for a plan, if their front is high."""
    asking = CHEST.replace("      count: drawers\n      groups:\n", INSIDE, 1)
    assert asking != CHEST
    asking = asking.replace("  items:\n", PLANS, 1)  # what is sent can be asked for, drawer by drawer
    with db.writing() as session:
        load_catalog(session, company_id, asking, loaded_at=utc_now())


def test_each_drawer_asks_for_its_own_file(client: FlaskClient, asking_chest: None) -> None:
    query = "drawers=2&drawer_2_front_height=200&lang=en"
    page = client.get(f"/products/chest?{query}").text
    assert 'id="q-drawer_2_plan"' in page and 'id="q-drawer_1_plan"' not in page  # that one's front is low
    sent = client.post(f"/products/chest/files/drawer_2_plan?{query}", data={"file": (BytesIO(SVG), "front.svg")})
    assert (sent.status_code, sent.location[-16:]) == (303, "#q-drawer_2_plan")
    shown = client.get(sent.location).text
    assert "front.svg" in shown and client.get(link_in(shown)).data == SVG
    before, after = (float(re.search(r"€([\d.]+)", one)[1]) for one in (page, shown))
    assert after == pytest.approx(before + 7)
    ordered = client.post(f"/products/chest/order?{sent.location.partition('?')[2].partition('#')[0]}")
    checkout = client.get(ordered.location + "&lang=en").text
    assert "Drawer 2: Plan" in checkout and "front.svg" in checkout
    other = client.post(f"/products/chest/files/drawer_3_plan?{query}", data={"file": (BytesIO(SVG), "third.svg")})
    assert "third.svg" not in client.get(other.location).text  # there are two drawers
    wrong = client.post(f"/products/chest/files/drawer_2_plan?{query}", data={"file": (BytesIO(PDF), "front.pdf")})
    assert wrong.status_code == 422 and "By its content this is PDF" in wrong.text
