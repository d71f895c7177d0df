"""A start by need, budget and date: every suggestion is valid, has what was asked for, and is what its title says."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from catalog.offer import Offer
from catalog.price import quote_price
from configurator.sales.delivery import standard_to
from configurator.storefront import service, start
from configurator.storefront.columns import budget_of, day_of
from configurator.storefront.service import decided_by
from configurator.storefront.start import Aim, Suggested, Wanted, compared, suggest
from solver.configuration.check import is_valid
from solver.configuration.problem import Choose, Decision, Enter, GroupId, OptionId, ParameterId
from solver.configuration.question import Clock
from solver.configuration.samples import sample


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine too, everything is tried."""
    monkeypatch.setattr(start, "SECONDS", 60.0)


@pytest.fixture
def pumps(pump_station: Offer) -> Offer:
    """The pump station, as it is short."""
    return pump_station


def decisions(**given: str | int) -> tuple[Decision, ...]:
    return tuple(
        Enter(ParameterId(name), answer) if isinstance(answer, int) else Choose(GroupId(name), OptionId(answer))
        for name, answer in given.items()
    )


def aims(found: Suggested) -> dict[Aim, start.Column]:
    return {aim: column for column in found.columns for aim in column.aims}


def test_nothing_can_be_left_out_of_the_cheapest(pumps: Offer) -> None:
    """Options that may be there or not, and numbers: one less of each is no variant, or costs no less."""
    cheapest = aims(suggest(pumps, Wanted(budget=60_000_00), "CN"))[Aim.CHEAPEST]
    needed = {need.id for need in pumps.product.needs}
    less = [
        replace(one, chosen=False) if isinstance(one, Choose)
        else replace(one, value=pumps.problem.parameter_by_id[one.parameter].asked[0])
        for one in cheapest.decisions
    ]
    tried = 0
    for place, one in enumerate(less):
        kept = (*cheapest.decisions[:place], *cheapest.decisions[place + 1 :])
        if one == cheapest.decisions[place] or one.question in needed:
            continue
        if not pumps.compiled.possible((*kept, one), Clock.of(1.0)):
            continue
        variant = service.standing_completion(pumps, (*kept, one), {})
        assert quote_price(pumps.prices, pumps.problem, variant, country="CN").gross >= cheapest.price.gross, one
        tried += 1
    assert tried


def test_a_number_that_is_needed_is_the_same_in_all_as_long_as_one_fits(pumps: Offer) -> None:
    def needs(column: start.Column) -> tuple[int, int]:
        return column.variant.numbers[ParameterId("flow")], column.variant.numbers[ParameterId("head")]

    free = suggest(pumps, Wanted(decisions(flow=60)), "CN")
    assert {needs(column) for column in free.columns} == {(60, 60)}  # the head as it stands by default
    least = min(column.price.gross for column in free.columns)
    within = suggest(pumps, Wanted(decisions(flow=60), budget=least - 1), "CN")
    assert within.columns and all(needs(column)[0] == 60 > needs(column)[1] for column in within.columns)


def test_every_suggestion_is_valid_and_has_what_was_asked_for(pumps: Offer) -> None:
    wanted = Wanted(decisions(flow=60, head=70, standby="one"), {"watch": "remote"})
    found = suggest(pumps, wanted, "CN")
    assert {Aim.NEAREST, Aim.CHEAPEST, Aim.SOONEST} <= aims(found).keys()
    for column in found.columns:
        assert is_valid(pumps.problem, column.variant)
        assert all(decided_by(column.variant, decision) for decision in wanted.decisions)
        assert column.variant.chosen[GroupId("plan")] == {"remote"}
        assert column.price == quote_price(pumps.prices, pumps.problem, column.variant, country="CN")
        assert column.date == service.date_of(pumps, column.variant, standard_to(pumps.company_id, "CN"))
        again = service.standing_completion(pumps, column.decisions, {})  # its address leads to it
        assert again == column.variant


def test_nothing_drawn_at_random_is_cheaper_than_the_cheapest(bicycle: Offer) -> None:
    cheapest = aims(suggest(bicycle, Wanted(decisions(drive="belt")), "CN"))[Aim.CHEAPEST]
    for variant in sample(bicycle.compiled, 300, seed=4):
        if decided_by(variant, decisions(drive="belt")[0]):
            assert quote_price(bicycle.prices, bicycle.problem, variant, country="CN").gross >= cheapest.price.gross


def test_nothing_beside_is_sooner_than_the_soonest(bicycle: Offer) -> None:
    found = aims(suggest(bicycle, Wanted(), "CN"))
    assert found[Aim.SOONEST].date is not None
    for column in found.values():
        assert column.date is None or column.date.arrives_on >= found[Aim.SOONEST].date.arrives_on


def test_a_budget_and_a_day_are_kept_or_the_nearest_is_shown(bicycle: Offer) -> None:
    free = aims(suggest(bicycle, Wanted(), "CN"))
    least, nearest = free[Aim.CHEAPEST].price.gross, free[Aim.NEAREST].price.gross
    assert least < nearest
    within = suggest(bicycle, Wanted(budget=least + 100), "CN")
    assert within.columns and all(column.price.gross <= least + 100 for column in within.columns)
    assert Aim.NEAREST in aims(within)
    beyond = suggest(bicycle, Wanted(budget=least - 1), "CN")
    assert beyond.columns == () and beyond.beside[0].price.gross == least
    soonest = free[Aim.SOONEST].date
    assert soonest is not None
    late = suggest(bicycle, Wanted(by=soonest.arrives_on - timedelta(days=1)), "CN")
    assert late.columns == () and any(column.date == soonest for column in late.beside)


def test_what_does_not_go_together_is_said(bicycle: Offer) -> None:
    assert suggest(bicycle, Wanted(decisions(drive="belt", gears="derailleur_8")), "CN").impossible


def test_what_was_ordered_most_is_suggested(bicycle: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {(GroupId("colour"), OptionId("coral")): 40, (GroupId("gears"), OptionId("hub_11")): 30}
    monkeypatch.setattr(start, "take_counts", lambda *_: counts)
    found = aims(suggest(bicycle, Wanted(decisions(size="l")), "CN"))[Aim.MOST_CHOSEN].variant
    assert found.chosen[GroupId("colour")] == {"coral"} and found.chosen[GroupId("gears")] == {"hub_11"}
    assert found.chosen[GroupId("size")] == {"l"}


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
def test_orders_are_counted(house: int) -> None:
    from configurator.sales.popular import take_counts

    counts = take_counts(house, "bicycle")
    sizes = sum(count for (group, _), count in counts.items() if group == "size")
    assert sizes > 5 and sizes == sum(count for (group, _), count in counts.items() if group == "colour")
    assert take_counts(house, "no such product") == {}


def test_configurations_are_compared_as_they_are_completed(bicycle: Offer) -> None:
    several = [decisions(colour="navy"), decisions(drive="belt", gears="derailleur_8"), decisions(colour="sun")]
    navy, sun = compared(bicycle, several, "DE")  # the second does not hold together
    assert navy == replace(navy, variant=service.click(bicycle, several[0], country="DE").standing)
    assert sun.variant.chosen[GroupId("colour")] == {"sun"}


# --- pages ------------------------------------------------------------------------------------------------------------


def test_the_page_asks_and_answers_side_by_side(client: FlaskClient, bicycle: Offer) -> None:
    asked = client.get("/products/bicycle/start?lang=en").text
    assert "What you ride for" in asked and "Budget, tax included" in asked and "<table" not in asked
    page = client.get("/products/bicycle/start?find-start=1&size=&need-purpose=child&budget-most=&arrives-by=&lang=en")
    assert page.status_code == 200
    assert "Nearest to what you need" in page.text and "Cheapest" in page.text
    assert page.text.count("Reclining seat") >= 2  # in every column
    links = re.findall(r'<a class="button[^"]*" href="(/products/bicycle\?[^"]+)"', page.text)
    for link in links:
        assert "Reclining seat" in client.get(html.unescape(link)).text
    assert client.get("/products/bicycle/start?find-start=1&drive=belt&gears=derailleur_8&lang=en").text.count(
        "do not go together"
    )
    none = client.get("/products/bicycle/start?find-start=1&budget-most=12&lang=en").text
    assert "Nothing is within that budget" in none and "above your budget" in none
    past = client.get("/products/bicycle/start?find-start=1&arrives-by=2025-12-02&lang=en").text
    assert "That day is over" in past and 'value="2025-12-02"' in past and "Go on with this" not in past


def test_where_time_is_short_the_page_shows_what_it_has_and_looks_for_longer(
    client: FlaskClient, bicycle: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "SECONDS", 0.0)  # time for the first of everything, and for nothing else
    monkeypatch.setattr(start, "LONGER", 60.0)
    address = "/products/bicycle/start?find-start=1&drive=belt&lang=en"
    page = client.get(address).text
    assert 'class="columns of-' in page and "Not everything has been tried yet" in page
    (more,) = set(re.findall(r'(?:hx-get|href)="([^"]*find-start=longer[^"]*)"', page))
    more = html.unescape(more)
    whole, part = client.get(more).text, client.get(more, headers={"HX-Request": "true"}).text
    assert "Find a start" in whole and part.lstrip().startswith('<section class="found" id="found"')
    for answer in (whole, part):
        assert 'class="columns of-2"' in answer and "Cheapest" in answer
        assert "Not everything" not in answer and "hx-get" not in answer.partition('id="found"')[2]
    with start._longer:  # somebody else is at it: nobody waits behind them
        assert "Not everything could be tried" in client.get(more).text


def test_what_was_chosen_is_completed_by_every_goal(client: FlaskClient, bicycle: Offer) -> None:
    page = client.get("/products/bicycle?colour=navy&size=l&lang=en").text
    link = re.search(r'id="find-start"[^>]* href="([^"]+)"', page)
    assert link is not None
    asked = client.get(html.unescape(link[1])).text
    assert "What you chose is kept: Frame colour: Navy" in asked
    assert '<input type="hidden" name="colour" value="navy">' in asked  # the size is a question of need itself
    assert re.search(r'<option value="l" selected>', asked)
    found = client.get("/products/bicycle/start?find-start=1&colour=navy&size=l&lang=en").text
    assert found.count('auto">Navy<') == found.count("Go on with this") > 1


@pytest.mark.parametrize("query", [
    "budget-most=abc", "budget-most=-5", "arrives-by=soon", "need-purpose=hostile", "size=xxl", "ship-to=US",
    "budget-most=9999999999999999", "need-nothing=1", "compare-with=%7C%7C;;:",
])  # fmt: skip
def test_any_query_has_an_answer(client: FlaskClient, bicycle: Offer, query: str) -> None:
    assert client.get(f"/products/bicycle/start?find-start=1&{query}").status_code == 200
    assert client.get(f"/products/bicycle/compare?{query}").status_code == 200


@pytest.mark.parametrize(("query", "field", "said"), [
    ("budget-most=cheap", "budget", "An amount, please, such as 4500"),
    ("arrives-by=yesterday", "by", "A day, please, such as 2027-03-31"),
])
def test_wrong_input_is_told_at_its_field_and_stays(
    client: FlaskClient, bicycle: Offer, query: str, field: str, said: str
) -> None:
    page = client.get(f"/products/bicycle/start?find-start=1&need-purpose=child&{query}&lang=en").text
    assert re.search(rf'id="{field}-error">.*?<span>{said}', page)
    assert f'aria-describedby="{field}-error" aria-invalid="true"' in page
    assert f'value="{query.partition("=")[2]}"' in page
    assert '<option value="child" selected>' in page
    assert "Go on with this" not in page  # nothing is suggested for what was not understood


@pytest.mark.parametrize(("typed", "wrong"), [("99999", True), ("wide", True), ("2400", False), ("", False)])
def test_a_measure_that_cannot_be_is_told_with_its_limits(
    client: FlaskClient, wardrobe: Offer, typed: str, wrong: bool
) -> None:
    page = client.get(f"/products/wardrobe/start?find-start=1&niche_width={typed}&lang=en").text
    assert ("A whole number from 800 to 3,600, please." in page) is wrong
    assert ("Go on with this" in page) is not wrong
    assert "do not go together" not in page


@pytest.mark.parametrize(("typed", "says"), [
    ("47", "44 or 48, please: it goes in steps of 4."),
    ("3", "A number from 4 to 240 in steps of 4, please."),
    ("much", "A number from 4 to 240 in steps of 4, please."),
])
def test_a_number_between_two_steps_is_answered_with_both(
    client: FlaskClient, pump_station: Offer, typed: str, says: str
) -> None:
    page = client.get(f"/products/pump_station/start?find-start=1&flow={typed}&lang=en").text
    assert says in page and f'value="{typed}"' in page and "Go on with this" not in page
    assert "4 to 240, in steps of 4" in page


def test_what_is_kept_is_compared_differences_first(client: FlaskClient, bicycle: Offer) -> None:
    def link(text: str, place: str) -> str:
        found = re.search(rf'id="{place}"[^>]* href="([^"]+)"', text)
        assert found is not None
        return html.unescape(found[1])

    first = client.get("/products/bicycle?colour=navy&lang=en").text
    assert 'id="compare"' not in first
    kept = client.get(link(first, "keep-this")).text
    assert "Compare with 1 kept" in kept
    card = re.search(r'id="o-colour-sun" href="([^"]+)"', kept)
    assert card is not None and "compare-with" in card[1]  # a click keeps what was kept
    other = client.get(html.unescape(card[1])).text
    page = client.get(link(other, "compare")).text
    assert "1 difference" in page
    places = [page.index(words) for words in ('auto">Navy<', "The same in all", 'auto">9-speed derailleur<')]
    assert places == sorted(places)
    assert "Nothing to compare yet" in client.get("/products/bicycle/compare?lang=en").text


def test_what_is_left_open_is_completed_by_each_goal_with_the_choices_kept(client: FlaskClient, bicycle: Offer) -> None:
    chosen = client.get("/products/bicycle?colour=navy&drive=belt&lang=en").text
    found = re.search(r'id="complete"[^>]* href="([^"]+)"', chosen)
    assert found is not None
    page = client.get(html.unescape(found[1]).replace("#found", "&lang=en")).text
    assert "Cheapest" in page and "What you chose is kept: Frame colour: Navy, Chain or belt: Carbon belt" in page
    links = re.findall(r'<a class="button[^"]*" href="(/products/bicycle\?[^"]+)"', page)
    assert links and all("colour=navy" in link and "drive=belt" in link for link in links)


def test_what_is_kept_can_be_let_go_and_nothing_goes_by_itself(client: FlaskClient, bicycle: Offer) -> None:
    kept = "%7C".join(("colour:navy", "colour:sun;drive:belt", "colour:mint"))
    full = client.get(f"/products/bicycle?colour=sky&compare-with={kept}&lang=en").text
    assert "3 are kept: let one go to keep another" in full and "Keep to compare" not in full
    assert "Kept to compare" in client.get(f"/products/bicycle?colour=mint&compare-with={kept}&lang=en").text
    page = client.get(f"/products/bicycle/compare?colour=sky&compare-with={kept}&lang=en").text
    titles = re.findall(r'class="column-title">([^<]*)<', page)
    assert titles == ["Navy", "Sunflower, Carbon belt", "Mint", "Sky blue"]
    links = re.findall(r'href="([^"]+)">Let go', page)
    assert len(links) == 3, "what is being chosen is not kept"
    again = client.get(html.unescape(links[1])).text
    assert re.findall(r'class="column-title">([^<]*)<', again) == ["Navy", "Mint", "Sky blue"]


def test_no_more_than_four_are_compared(client: FlaskClient, bicycle: Offer) -> None:
    kept = "%7C".join(f"colour:{colour}" for colour in ("ivory", "sand", "mint", "sky", "sun", "coral"))
    page = client.get(f"/products/bicycle/compare?colour=navy&compare-with={kept}&lang=en").text
    assert page.count("Go on with this") == 4
    assert "Navy" in page and "Ivory" not in page  # the oldest go


@pytest.mark.parametrize(("typed", "minor"), [
    ("1200", 120_000), ("1,200.5", 120_050), ("12.345", 1_234), (" 7 ", 700), ("", None), ("a", None), ("1.2.3", None),
    ("٣", None), ("1" * 13, None), (".", None),
])  # fmt: skip
def test_an_amount_as_it_is_typed(typed: str, minor: int | None) -> None:
    assert budget_of(typed, 2) == minor


def test_a_day_as_it_is_sent() -> None:
    assert day_of("2026-12-24") is not None and day_of("24.12.2026") is None and day_of("") is None


