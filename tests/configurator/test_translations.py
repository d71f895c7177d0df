"""The Chinese of the house: it is whole, it fits its sentences, and no page falls back to English."""

from __future__ import annotations

import io
import re
import tomllib
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient
from sqlmodel import col, select
from werkzeug.exceptions import HTTPException

from catalog.factory import Downtime, Plant
from catalog.file import SECTIONS
from catalog.offer import current_offer
from catalog.rows import Company, utc_now
from configurator import db
from configurator.admin.models import User
from configurator.auth import Role
from configurator.config import Settings
from configurator.demo import ENGRAVINGS
from configurator.i18n import COOKIE
from configurator.jobs import Job, run_job
from configurator.modelling import submissions
from configurator.outbox import OutboxMail
from configurator.planning.models import ManufacturingOrder, Proposal
from configurator.planning.optimise import request_optimise, snapshot
from configurator.planning.records import evaluation_to_json
from configurator.planning.simulations import Setting, Tried, request_simulation
from configurator.planning.why import request_remedies
from configurator.sales import payment_terms, quotes
from configurator.sales.accounts import account_link
from configurator.sales.address_checks import signed_link
from configurator.sales.configurations import Selection
from configurator.sales.documents import quote_data
from configurator.sales.mails import message_of
from configurator.sales.models import AddressCheck, OrderState, SalesOrder
from configurator.sales.parties import Party
from configurator.sales.payment_terms import TO_CONFIRM, PaymentTerms
from configurator.storefront.service import standing_completion
from hatch_build import compile_translations
from solver.scheduling.schedule import evaluate
from tests.conftest import SECRET

ROOT = Path(__file__).parents[2]
PO = ROOT / "configurator" / "translations" / "zh_Hans_CN" / "LC_MESSAGES" / "messages.po"

# --- the file ---------------------------------------------------------------------------------------------------------


def extracted() -> set[str]:
    """Every sentence that the sources mark, as `make translations` finds them."""
    mappings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    methods = [(pattern, one["method"]) for one in mappings for pattern in one["pattern"]]
    keywords = DEFAULT_KEYWORDS | {"_l": None}
    found: set[str] = set()
    for folder in sorted({pattern.partition("/")[0] for pattern, _method in methods}):
        inside = [(pattern.partition("/")[2], method) for pattern, method in methods if pattern.startswith(folder)]
        for _file, _line, message, _comments, _context in extract_from_dir(ROOT / folder, inside, keywords=keywords):
            found.add(message if isinstance(message, str) else message[0])
    return found


@pytest.fixture(scope="module")
def written() -> dict[str, Message]:
    """What the file says, by the English sentence."""
    with PO.open("rb") as file:
        catalog: Catalog = read_po(file, abort_invalid=True)
    return {message.id if isinstance(message.id, str) else message.id[0]: message for message in catalog if message.id}


def english(message: Message) -> tuple[str, ...]:
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def chinese(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string)


def test_the_file_has_every_sentence_and_no_other(written) -> None:
    sources = extracted()
    assert sorted(sources - set(written)) == [], "new: run `make translations` and write them"
    assert sorted(set(written) - sources) == [], "gone: run `make translations`"


def test_every_sentence_is_written_in_chinese(written) -> None:
    same_in_both = {"%(what)s", "%(question)s: %(answer)s", "PDF", "format: 1", "length(%(name)s)"}
    left = [
        key for key, message in written.items()
        if message.fuzzy or not all(re.search("[一-鿿]", words) for words in chinese(message))
    ]
    assert sorted(set(left) - same_in_both) == []


def test_every_placeholder_of_a_sentence_stands_in_its_chinese(written) -> None:
    hole = re.compile(r"%(?:\((\w+)\)[sd]|.)")

    def holes(sentence: str) -> set[str]:
        return {found[0] for found in hole.finditer(sentence)}

    for key, message in written.items():
        # The plural form has the number; Chinese has one form for both.
        assert all(holes(words) == holes(english(message)[-1]) for words in chinese(message)), key


def test_chinese_is_set_as_chinese(written) -> None:
    """Full-width punctuation, and a space between Chinese and Latin letters or digits."""
    bad = re.compile(r"[一-鿿] ?[,;:?!]|[一-鿿]\.(?!\w)|[一-鿿][A-Za-z0-9]|[A-Za-z0-9][一-鿿]|[一-鿿]\.\.\.")
    found = [words for message in written.values() for words in chinese(message)
             if bad.search(re.sub(r"%\(\w+\)[sd]", "☐", words))]
    assert found == []


# --- the pages --------------------------------------------------------------------------------------------------------

# Latin words that a Chinese page may show: formats, sizes, units, zones, a country's code, the other language's name.
ALLOWED = {
    "DN", "ENF", "GB", "IP", "ISO", "PDF", "YAML", "MiB", "SVG", "PNG", "JPEG", "WebP", "kB", "MB", "USB", "XL", "mm",
    "kg", "UTC", "Asia", "Shanghai", "CN", "English",
}
# What stands in these was typed by people or is a code: it is shown as it is.
AS_TYPED = {"script", "style", "code", "bdi", "address", "blockquote"}
AS_TYPED_CLASSES = {"mono", "token", "reason"}
WORD = re.compile(r"[A-Za-z]{2,}")
NO_PAGE = {  # endpoints that answer a GET with something else than a page
    "static", "healthz", "metrics", "openapi.spec", "planning.bars", "sales.quote_document",
    "modelling.submitted_rules", "sales.public_document", "storefront.confirmation", "storefront.picture",
    "upload.show", "upload.of_order",
    "draft.show", "draft.compare", "storefront.sent_to",  # lead to the configuring page and to the comparison
}
CODED = re.compile(r"\S+@\S+|https?://\S+|\b[A-Z]{1,3}-\d[\w-]*|\b\w+\.ya?ml\b")  # mails, links, numbers, files
SPOKEN = ("aria-label", "title", "placeholder", "alt")
VOID = {"base", "br", "hr", "img", "input", "link", "meta", "wbr"}


class Reader(HTMLParser):
    """Collects what a person sees or hears of a page, and where its links go."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []  # the elements that are open; whether each is passed over
        self.words: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        silent = (
            (bool(self.open) and self.open[-1][1]) or tag in AS_TYPED or named.get("lang") == "en"
            or named.get("dir") == "auto" or bool(AS_TYPED_CLASSES & set((named.get("class") or "").split()))
        )
        if not silent:
            self.words += [value for name in SPOKEN if (value := named.get(name))]
        self.links += [value for name in ("href", "hx-get") if (value := named.get(name))]
        if tag not in VOID:
            self.open.append((tag, silent))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not (self.open and self.open[-1][1]):
            self.words.append(" ".join(data.split()))


def in_english(pieces: list[str], names: set[str]) -> list[str]:
    """The pieces of something Chinese with Latin words that are neither allowed nor in these names."""
    known = re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or "(?!)")
    return [piece for piece in pieces if set(WORD.findall(known.sub(" ", CODED.sub(" ", piece)))) - ALLOWED]


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """`make` compiles before the tests; a test that is run by itself does it here."""
    compile_translations()


@pytest.fixture
def database_kind() -> str:
    """Words do not depend on the database."""
    return "sqlite"


def names_given() -> set[str]:
    """What people named: themselves, logins, the house, a downtime, their bicycles."""
    with db.reading() as session:
        columns = (Party.name, User.login, Company.name, Downtime.reason)
        return {name for column in columns for name in session.exec(select(column)).all() if name} | set(ENGRAVINGS)


def every_kind_of_page(app: Flask, client: FlaskClient, starts: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Endpoint, address and text of what links lead to from here: each endpoint once, each start for sure."""
    client.set_cookie(COOKIE, "zh")
    router = app.url_map.bind("localhost")
    waiting, seen, first = list(starts), set(), set(starts)
    while waiting:
        address = waiting.pop(0)
        try:
            endpoint = router.match(address.partition("?")[0], method="GET")[0]
        except HTTPException:  # it is only ever sent
            continue
        if "lang=" in address or endpoint.endswith("static") or (endpoint in seen and address not in first):
            continue
        seen.add(endpoint)
        first.discard(address)
        answer = client.get(address, follow_redirects=True)
        assert answer.status_code == 200, address
        if answer.mimetype == "text/html":
            yield endpoint, address, answer.text
            waiting += [link.partition("#")[0] for link in Reader(answer.text).links if link.startswith("/")]


def quoted(company_id: int, by: int) -> tuple[str, str]:
    """A draft, a quote that was sent and one that was declined; what a customer opens of the last two."""
    with db.reading() as session:
        offer = current_offer(session, company_id, "bicycle")
    customer = quotes.Customer("韩梅梅", "han@example.com", "CN", "zh")
    ids = [
        quotes.save_quote(company_id, offer, Selection("bicycle"), standing_completion(offer, (), {}), customer, by=by)
        for _ in range(3)
    ]
    for quote_id in ids[1:]:
        quotes.send_quote(company_id, quote_id, by=by)
    sent, declined = (quotes.quote_by_id(company_id, quote_id).revision.token for quote_id in ids[1:])
    quotes.decline_quote(company_id, declined, "红色可以吗？")
    return f"/quotes/{sent}", f"/quotes/{declined}"


def proposed(company_id: int) -> str:
    """A proposal to compare: the first operation that is free would start an hour later."""
    with db.reading() as session:
        plant_id = session.exec(select(Plant.id).where(Plant.code == "wuxi")).one()
        base = snapshot(session, plant_id)
    figures = evaluation_to_json(evaluate(base.problem, base.schedule))
    key = next(key for key in base.rows.placements if key not in base.problem.fixed)
    placement = base.rows.placements[key]
    with db.writing() as session:
        proposal = Proposal(
            company_id=company_id, plant_id=plant_id, base_version=base.version, before=figures,
            after=figures | {"late": ["MO-2026-0001"], "setup": figures["setup"] + 60},
            placements={key: [placement.line, placement.start + 3600, placement.end + 3600]},
        )
        session.add(proposal)
        session.flush()
        return f"/planning/proposals/{proposal.id}"


def simulated(company_id: int, plant_id: int) -> None:
    """A simulation that waits and one that is done, both linked from their list."""
    policies = [Tried(60, moving=True, improve=True), Tried(0, moving=False, improve=False)]
    jobs = [request_simulation(company_id, Setting(plant_id, 1, 10, 50), policies) for _ in range(2)]
    figures = {
        "promised": 9, "refused": 1, "broken": 1, "kept": 0.9, "lead": [90_000, 99_000], "flow": [9_000, 9_900],
        "load": 0.5, "setups": 0.1, "days": [[0, 100, 50, 3]],
    }
    with db.writing() as session:
        job = session.get_one(Job, jobs[0])
        job.state, job.ended_at = "done", utc_now()
        job.result = {"began": 0, "arrivals": 10, "standing": 30, "played": [figures, figures]}


def unconfirmed(company_id: int, but: str) -> tuple[str, str]:
    """The address of an order that waits for its link to be opened, and that of the link."""
    with db.writing() as session:
        order = session.exec(select(SalesOrder).where(SalesOrder.token != but)).first()
        order.state = OrderState.AWAITING_ADDRESS
        session.add(AddressCheck(company_id=company_id, sales_order_id=order.id, due_at=utc_now() + TO_CONFIRM))
        mail = session.get_one(Party, order.ship_to_id).mail
        return f"/orders/{order.token}", f"/confirm/{signed_link(company_id, order.id, mail, secret=SECRET)}"


def test_no_page_falls_back_to_english(
    house: int, app: APIFlask, login: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = PaymentTerms(asked_of_guests_from=1)  # every guest has the choice
    monkeypatch.setattr(payment_terms, "_first", asking)
    everybody = login(*Role)
    shown = quoted(house, everybody.user_id)  # type: ignore[attr-defined]
    checkout = everybody.post("/products/bicycle/order?ship-to=CN").location
    with db.reading() as session:
        plant_id = session.exec(select(Plant.id)).first()
        order_id = session.exec(select(ManufacturingOrder.id)).first()
        last = select(ManufacturingOrder.pegging_key).order_by(col(ManufacturingOrder.completes_at).desc())
        number = session.exec(last).first()  # it can still be changed
        placed = session.exec(select(SalesOrder.token).where(SalesOrder.number == number)).one()
    proposal = proposed(house)
    simulated(house, plant_id or 0)
    helping = f"/planning/remedies/{request_remedies(house, order_id or 0)}"
    submissions.submit(house, "mine.yaml", b"format: 1", actor_id=None)  # its page is linked from the catalog
    job = f"/planning/jobs/{request_optimise(house, plant_id or 0)}"
    choices = "colour=sun&drive=belt&gears=derailleur_8&step-back=gears"  # a belt goes with no derailleur
    buyer = app.test_client()
    buyer.post("/products/bicycle/cart?ship-to=CN&lang=zh")
    for colour in ("sun", "navy"):
        buyer.post(f"/products/bicycle/draft?colour={colour}", data={"name": f"No. {colour}"})
    draft = re.search(r'href="(/drafts/[\w-]+)"', buyer.get("/drafts").text)  # what was said of them is said
    waits, link = unconfirmed(house, placed)
    walks = (
        (buyer, (
            "/", "/login", "/cart", "/drafts", f"/orders/{placed}", checkout, *shown, waits, link,
                f"{draft[1]}/take", f"/account/open/{account_link(house, 'li@example.com', {}, secret=SECRET)}",
            f"/products/bicycle?{choices}", f"/products/bicycle/choose?{choices}",
            "/products/bicycle/start?find-start=1&budget-most=12", "/products/bicycle/dates?colour=sun",
            "/products/bicycle/compare?colour=sun&compare-with=colour:navy", "/products/bicycle/compare",
            "/products/wardrobe?niche_width=2750", "/products/pump_station?flow=60&plan=remote",
        )),
        (everybody, (
            "/", "/sales/", "/planning/", "/planning/partners", "/planning/operations", "/planning/find?number=0",
            proposal, job, helping,
            "/floor/", "/modelling/", "/admin/",
        )),
    )
    names, strays, reached = names_given(), [], set()
    for client, starts in walks:
        for endpoint, address, html in every_kind_of_page(app, client, starts):
            reached.add(endpoint)
            strays += [f"{address}: {piece}" for piece in in_english(Reader(html).words, names)]
    assert strays == [], "\n".join(strays)
    pages = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    missed = sorted(name for name in pages - reached - NO_PAGE if not name.startswith("api."))
    assert missed == [], "a page that nothing links to: walk to it, or name it in NO_PAGE"


def test_the_report_of_an_analysis_is_in_chinese(house: int, login: Callable[..., FlaskClient]) -> None:
    """While it waits, with findings of every kind, with faults in the file, and after it was discarded."""
    text = (ROOT / "catalog" / "families" / "bicycle.yaml").read_text()
    rules = """  rules:
    - id: belt_needs_hub_too
      text: {zh: 皮带传动需要搭配内变速花鼓。, en: A belt drive needs a hub gear.}
      expression: drive.belt => gears.hub_5 or gears.hub_8 or gears.hub_11
    - id: belt_fits_gears
      text: {zh: 皮带不配外变速。, en: No belt with a derailleur.}
      expression: not gears.derailleur_11
"""
    found = text.replace("  rules:\n", rules, 1)
    wrong = found.replace("format: 1", "format: 2", 1)
    client = login(Role.MODELLER)
    client.set_cookie(COOKIE, "zh")
    names = names_given() | {
        "belt_needs_hub_too", "belt_fits_gears", "mine.yaml", "bicycle", "bicycle_retail", "JSON", "format",
    }
    for content in (found, wrong):
        one = submissions.submit(house, "mine.yaml", content.encode(), actor_id=None, seconds=20)
        address = f"/modelling/submissions/{one.id}"
        pages = [client.get(address).text]
        run_job(one.job_id or 0)
        pages += [client.get(address).text]
        client.post(f"{address}/discard")
        pages += [client.get(address).text, client.get("/modelling/").text]
        for page in pages:
            assert in_english(Reader(page).words, names) == []


@pytest.mark.parametrize(("method", "address", "data", "status"), [
    ("GET", "/nowhere", None, 404),
    ("DELETE", "/login", None, 405),
    ("GET", "/admin/", None, 403),
    ("GET", "/?lang=%00", None, 400),
    ("POST", "/login", {"login": "", "password": "x"}, 422),
    ("POST", "/login", {"login": "x" * 121, "password": "x"}, 422),  # a sentence of WTForms' own
    ("POST", "/login", {"login": "nobody", "password": "wrong"}, 401),
    ("POST", "{checkout}", {"name": "", "mail": "x", "phone": "abc", "country": "nowhere"}, 422),
    ("POST", "/planning/optimise", {"plant": "999"}, 404),
    ("POST", "/modelling/", {}, 422),
    ("POST", "/modelling/", {"file": ""}, 422),
    ("POST", "/modelling/", {"file": "format: 2\nproduct: {code: Ä}\nextra: 1"}, 422),
    ("POST", "/admin/users/new", {"login": "a b", "password": "short"}, 422),
    ("POST", "/sales/quotes/new/bicycle", {"name": "", "mail": "x", "country": "CN", "validity_days": "many"}, 422),
])
def test_every_refusal_is_said_in_chinese(
    factory: int, login: Callable[..., FlaskClient], method: str, address: str, data: dict[str, Any] | None,
    status: int,
) -> None:
    client = login(Role.BUYER) if status == 403 else login(*Role)
    client.set_cookie(COOKIE, "zh")
    if "{checkout}" in address:
        address = client.post("/products/bicycle/order?ship-to=CN").location
    if data and "file" in data:
        data = {"file": (io.BytesIO(data["file"].encode()), "mine.yaml")}
    answer = client.open(address, method=method, data=data)
    assert answer.status_code == status
    assert in_english(Reader(answer.text).words, names_given() | {"format", *SECTIONS}) == []


def test_a_form_answers_each_reader_in_his_own_language(client: FlaskClient, company_id: int) -> None:
    """Words are looked up for each request: a form that was first made for one reader still speaks to the next."""
    chinese = ("zh", "登录名", "不能超过 120 个字符")
    for language, label, refusal in (chinese, ("en", "Login", "longer than 120 characters"), chinese):
        page = client.post(f"/login?lang={language}", data={"login": "x" * 121, "password": "x"}).text
        assert f">{label}<" in page
        assert refusal in page


def test_letters_and_documents_are_chinese_throughout(
    house: int, settings: Settings, login: Callable[..., FlaskClient]
) -> None:
    seller = login(Role.SALES)
    quoted(house, seller.user_id)  # type: ignore[attr-defined]
    with db.reading() as session:
        mails = session.exec(select(OutboxMail).where(OutboxMail.locale == "zh")).all()
        order_id, party_id = session.exec(select(SalesOrder.id, SalesOrder.customer_id)).first() or (0, 0)
    confirmation = OutboxMail(
        id=1, company_id=house, template="order_confirmation", party_id=party_id, locale="zh",
        data={"order_id": order_id}, created_at=utc_now(), due_at=utc_now(),
    )
    names = names_given()
    for mail in (*mails, confirmation):
        message = message_of(mail, settings)
        assert message is not None
        letter = message.get_body()
        assert letter is not None
        assert in_english([message["Subject"], *letter.get_content().splitlines()], names) == []
    view = quotes.revision_by_id(mails[0].data["revision_id"])
    words = quote_data(view, settings, "zh")["words"]
    assert in_english(list(words.values()), names) == []
