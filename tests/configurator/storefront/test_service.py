"""The click: what holds is answered, what does not is refused with ways out, and nothing is written."""

from __future__ import annotations

from datetime import timedelta

import pytest

from catalog.load import load_catalog
from catalog.offer import Offer
from catalog.price import quote_price
from catalog.rows import utc_now
from configurator import db
from configurator.config import Settings
from configurator.errors import InvalidInput, NotFound
from configurator.sales import payment_terms
from configurator.sales.delivery import ShipTo
from configurator.storefront import service
from configurator.storefront.start import compared
from solver.configuration.check import is_valid
from solver.configuration.problem import Choose, Decision, Enter, GroupId, OptionId, ParameterId
from solver.configuration.session import OptionState, Session
from tests.catalog.small import LAMP


def choices(**chosen: str) -> tuple[Decision, ...]:
    return tuple(Choose(GroupId(group), OptionId(option)) for group, option in chosen.items())


def test_nothing_chosen_is_answered_with_the_standard_variant(bicycle: Offer) -> None:
    answered = service.click(bicycle, (), country="CN")
    assert answered.refusal is None
    assert is_valid(bicycle.problem, answered.standing)
    assert answered.standing.chosen[GroupId("colour")] == {OptionId("sky")}  # the default
    assert answered.price == quote_price(bicycle.prices, bicycle.problem, answered.standing, country="CN")
    assert answered.date is not None


def test_a_choice_that_breaks_a_default_changes_as_little_as_it_can(bicycle: Offer) -> None:
    before = service.click(bicycle, (), country="CN").standing
    after = service.click(bicycle, choices(drive="belt"), country="CN").standing
    changed = {group for group in before.chosen if before.chosen[group] != after.chosen[group]}
    assert changed == {"drive", "gears"}
    assert after.chosen[GroupId("gears")] == {OptionId("hub_5")}  # the cheapest hub gear


def test_a_refusal_names_the_rule_and_every_way_out_holds(bicycle: Offer) -> None:
    answered = service.click(
        bicycle, choices(gears="derailleur_9", colour="navy", drive="belt"), country="CN",
        before=choices(gears="derailleur_9", colour="navy"),
    )
    assert answered.refusal is not None
    assert answered.decisions == choices(gears="derailleur_9", colour="navy")  # the last good state stays
    assert answered.refusal.asked == choices(drive="belt")[0]
    assert answered.refusal.conflict.rules == ("belt_needs_hub",)
    assert 1 <= len(answered.refusal.repairs) <= 3
    for repair in answered.refusal.repairs:
        assert choices(drive="belt")[0] in repair.repair.decisions  # what was asked for is kept
        assert is_valid(bicycle.problem, repair.standing)
        assert service.click(bicycle, repair.repair.decisions, country="CN").price == repair.price
        assert repair.date is not None


def test_a_way_out_that_changes_a_measure_stays_as_near_to_it_as_can_be(wardrobe: Offer) -> None:
    """What is too narrow for a niche of 3300 mm goes into one that is 100 mm narrower, not only into a third of it."""
    niche, shallow = Enter(ParameterId("niche_width"), 3300), Choose(GroupId("depth"), OptionId("d420"))
    answered = service.click(wardrobe, (niche, shallow), country="CN", before=(niche,))
    assert answered.refusal is not None
    ways = [{change.old: change.new for change in one.repair.changes} for one in answered.refusal.repairs]
    (new,) = (way[niche] for way in ways if niche in way)
    others = tuple(one for one in answered.refusal.repairs[0].repair.decisions if one.question != niche.question)
    domains = Session(wardrobe.compiled, others).domains()
    possible = [n for low, high, step in domains.numbers[niche.parameter] for n in range(low, high + 1, step)]
    assert new.value == min(possible, key=lambda n: abs(n - 3300)) and abs(new.value - 3300) < 200


def test_an_excluded_option_of_a_decided_group_keeps_the_old_choice(bicycle: Offer) -> None:
    """The address has already lost `gears=hub_8`; one step back has it."""
    answered = service.click(
        bicycle, choices(drive="belt", gears="derailleur_9"), country="CN",
        before=choices(drive="belt", gears="hub_8"),
    )
    assert answered.refusal is not None
    assert answered.decisions == choices(drive="belt", gears="hub_8")


def test_a_shared_address_that_does_not_hold_together_keeps_what_does(bicycle: Offer) -> None:
    answered = service.click(
        bicycle, choices(drive="belt", gears="derailleur_9", fork="carbon", tyres="t55", colour="navy"), country="CN"
    )
    assert answered.refusal is not None
    assert set(answered.left_out) == {*choices(gears="derailleur_9"), *choices(tyres="t55")}
    assert answered.decisions == choices(drive="belt", fork="carbon", colour="navy")
    for repair in answered.refusal.repairs:  # what was said after the refused choice is kept too
        assert choices(colour="navy")[0] in repair.repair.decisions


@pytest.mark.parametrize("value", [7, 12, 51, -5, 10**9])
def test_a_number_that_cannot_be_entered_is_refused(lamp: Offer, value: int) -> None:
    answered = service.click(lamp, (Enter(ParameterId("height"), value),), country="DE")
    assert answered.refusal is not None
    assert answered.decisions == ()


def test_a_number_narrows_the_options(lamp: Offer) -> None:
    answered = service.click(lamp, (Enter(ParameterId("height"), 45),), country="DE")
    assert answered.domains.state(GroupId("shade"), OptionId("large")) is OptionState.EXCLUDED


def test_a_country_that_is_not_served_is_not_found(bicycle: Offer) -> None:
    with pytest.raises(NotFound):
        service.click(bicycle, (), country="US")


def test_the_country_decides_the_tax_and_nothing_else(bicycle: Offer) -> None:
    china, germany = (service.click(bicycle, (), country=country).price for country in ("CN", "DE"))
    assert china.net == germany.net
    assert (china.rate, germany.rate) == ("13", "19")


# --- texts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("typed", "fault"), [
    ("", ""), ("x" * 24, ""), ("好" * 24, ""), ("x" * 25, "too_long"), ("a\tb", "pattern"), ("a\u2028b", "pattern"),
])
def test_what_may_be_engraved(bicycle: Offer, typed: str, fault: str) -> None:
    assert service.text_fault(bicycle.product.texts[0], typed) == fault


@pytest.mark.parametrize("typed", ["你好", "🚲🌻", "שלום עולם", "Zoë", "Zoe\u0308", "Привет", "' OR 1=1 --"])
def test_every_script_comes_back_as_it_was_typed(bicycle: Offer, company_id: int, typed: str) -> None:
    token = service.keep_texts(company_id, bicycle, (), {"engraving": typed})
    assert service.typed_texts(company_id, token) == {"engraving": typed}
    answered = service.click(bicycle, (), country="CN", texts=service.typed_texts(company_id, token))
    assert answered.standing.texts == {"engraving": typed}
    assert any(item.id == "engraving" for item in answered.price.items)


def test_a_text_that_cannot_be_made_is_not_kept(bicycle: Offer, company_id: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        service.keep_texts(company_id, bicycle, (), {"engraving": "x" * 25})
    assert refused.value.field == "engraving"


def test_no_text_needs_no_row_and_an_unknown_token_has_none(bicycle: Offer, company_id: int) -> None:
    assert service.keep_texts(company_id, bicycle, (), {"engraving": ""}) == ""
    assert service.typed_texts(company_id, "no-such-token") == {}


def test_a_text_waits_until_it_may_be_used(lamp: Offer) -> None:
    """The label needs the red lamp."""
    blue = service.click(lamp, choices(colour="blue"), country="DE", texts={"label": "hi"})
    red = service.click(lamp, choices(colour="red"), country="DE", texts={"label": "hi"})
    assert blue.standing.texts == {}
    assert red.standing.texts == {"label": "hi"}


# --- towards an order -------------------------------------------------------------------------------------------------


def test_checkout_shows_what_was_configured(bicycle: Offer, company_id: int) -> None:
    answered = service.click(bicycle, choices(drive="belt"), country="CN", texts={"engraving": "Li"})
    asked = service.checkout(company_id, service.keep_variant(company_id, answered), ShipTo("CN"))
    assert asked.variant == answered.standing
    assert asked.price == answered.price
    assert asked.selection.decisions == answered.decisions


def test_checkout_is_at_today_s_price_even_if_the_list_has_changed_since(lamp: Offer, company_id: int) -> None:
    answered = service.click(lamp, (), country="DE")
    token = service.keep_variant(company_id, answered)
    with db.writing() as session:
        load_catalog(session, company_id, LAMP.replace("amount: 49.90", "amount: 59.90"), loaded_at=utc_now())
    assert service.checkout(company_id, token, ShipTo("DE")).price.gross == answered.price.gross + 1000


def test_a_click_says_the_day_that_the_cart_will_say_where_a_deposit_is_waited_for(
    pump_station: Offer, company_id: int
) -> None:
    payment_terms.configure(Settings(deposit_from=1000, bank_account="Test House"))
    now = utc_now()
    at_once = service.click(pump_station, (), country="CN", now=now)
    answered = service.click(pump_station, (), country="CN", guest=True, now=now)
    assert at_once.date is not None and answered.date is not None and answered.asked is not None
    assert answered.asked.due_at - now >= timedelta(days=5)
    assert answered.date.arrives_on >= at_once.date.arrives_on + timedelta(days=3)
    shown = service.checkout(company_id, service.keep_variant(company_id, answered), ShipTo("CN"), now=now)
    assert shown.date is not None and shown.date.arrives_on == answered.date.arrives_on
    (shelf,) = (one for one in service.shelf(company_id, "CN", guest=True, now=now) if one.offer == pump_station)
    assert shelf.date is not None and shelf.date.arrives_on == answered.date.arrives_on
    (column,) = compared(pump_station, [()], "CN", guest=True, now=now)
    assert column.date is not None and column.date.arrives_on == answered.date.arrives_on
    cards = service.hints(answered, dates_seconds=20, now=now).dates.values()
    assert min(filter(None, cards)) >= at_once.date.arrives_on + timedelta(days=1), "their orders wait as well"


def test_checkout_of_words_under_a_token_is_not_found(bicycle: Offer, company_id: int) -> None:
    token = service.keep_texts(company_id, bicycle, (), {"engraving": "Li"})
    with pytest.raises(NotFound):
        service.checkout(company_id, token, ShipTo("CN"))


def test_the_shelf_has_the_cheapest_price_and_the_standard_date(bicycle: Offer, company_id: int) -> None:
    (shelf,) = service.shelf(company_id, "DE")
    standard = service.click(bicycle, (), country="DE")
    assert shelf.from_price.gross < standard.price.gross
    assert shelf.date is not None
    assert standard.date is not None
    assert shelf.date.arrives_on == standard.date.arrives_on


def test_a_preset_is_priced_as_it_would_be_completed(bicycle: Offer) -> None:
    for preset in bicycle.product.presets:
        chosen = tuple(Choose(GroupId(group), OptionId(option)) for group, option in preset.choices.items())
        price = service.preset_price(bicycle, preset.id, "CN")
        assert price == service.click(bicycle, chosen, country="CN").price


def test_a_full_factory_is_no_reason_to_refuse_a_click(bicycle: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    from configurator.errors import NoDate

    def full(*_args: object, **_kwargs: object) -> None:
        raise NoDate

    monkeypatch.setattr(service, "forecast", full)
    answered = service.click(bicycle, (), country="CN")
    assert answered.date is None
    assert answered.price.gross > 0
