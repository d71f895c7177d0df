"""What the cards say is exactly what a click would do; where it is not certain, they say nothing."""

from __future__ import annotations

from random import Random

import pytest

from catalog.offer import Offer
from configurator.sales.delivery import standard_to
from configurator.storefront import service
from configurator.storefront.hints import index_of, why_excluded, why_implied
from configurator.storefront.service import Click
from solver.configuration.problem import Choose, Decision, Enter, GroupId, OptionId, ParameterId
from solver.configuration.samples import sample
from solver.configuration.session import OptionState, valid_domains


def decisions_like(offer: Offer, count: int) -> list[tuple[Decision, ...]]:
    """Some decisions of valid variants, in any order."""
    random = Random(11)
    found: list[tuple[Decision, ...]] = []
    for variant in sample(offer.compiled, count, seed=11):
        groups = [group for group in variant.chosen if len(variant.chosen[group]) == 1]
        random.shuffle(groups)
        chosen = groups[: random.randint(0, len(groups))]
        found.append(tuple(Choose(group, next(iter(variant.chosen[group]))) for group in chosen))
    return found


def clicked(offer: Offer, decisions: tuple[Decision, ...]) -> Click:
    return service.click(offer, decisions, country="DE")


def test_the_difference_on_a_card_is_what_a_click_on_it_adds(bicycle: Offer) -> None:
    seen = missing = 0
    for decisions in decisions_like(bicycle, 12):
        answered = clicked(bicycle, decisions)
        differences = service.hints(answered).differences
        for group, states in answered.domains.options.items():
            for option, state in states.items():
                if state is not OptionState.OPEN or option in answered.standing.chosen[group]:
                    continue
                seen += 1
                if (group, option) not in differences:
                    missing += 1
                    continue
                kept = tuple(d for d in decisions if isinstance(d, Choose) and d.group != group)
                after = clicked(bicycle, (*kept, Choose(group, option)))
                assert differences[group, option].gross_minor == after.price.gross - answered.price.gross
    assert seen > 200
    assert missing <= seen // 50


def test_the_reasons_on_cards_are_reasons(bicycle: Offer) -> None:
    index, seen = index_of(bicycle), 0
    for decisions in decisions_like(bicycle, 12):
        answered = clicked(bicycle, decisions)
        hints = service.hints(answered)
        for kind, said in ((OptionState.EXCLUDED, hints.excluded), (OptionState.IMPLIED, hints.implied)):
            for (group, option), pairs in said.items():
                assert pairs, f"no reason for {group}.{option} being {kind}"
                seen += 1
                alone = valid_domains(index.offer.compiled, [Choose(*pair) for pair in pairs])
                assert alone is not None
                assert alone.state(group, option) is kind
    assert seen > 50


@pytest.mark.parametrize(("chosen", "group", "option", "why"), [
    ({"drive": "belt"}, "gears", "derailleur_9", {"drive": "belt"}),
    ({"colour": "navy", "fork": "carbon"}, "brakes", "rim", {"fork": "carbon"}),
    ({"fork": "carbon"}, "tyres", "t40", {"fork": "carbon"}),
    # neither alone: a carbon fork takes 35 mm, and full-length mudguards 28 mm with it
    ({"fork": "carbon", "mudguards": "full"}, "tyres", "t35", {"fork": "carbon", "mudguards": "full"}),
    ({"colour": "navy"}, "gears", "hub_5", {}),  # it is not excluded at all
])
def test_what_speaks_against_an_option(
    bicycle: Offer, chosen: dict[str, str], group: str, option: str, why: dict[str, str]
) -> None:
    decisions = tuple(Choose(GroupId(g), OptionId(o)) for g, o in chosen.items())
    assert dict(why_excluded(index_of(bicycle), decisions, GroupId(group), OptionId(option))) == why


def test_what_implies_an_option(bicycle: Offer) -> None:
    decisions = (Choose(GroupId("child_seat"), OptionId("recline")), Choose(GroupId("colour"), OptionId("navy")))
    because = why_implied(index_of(bicycle), decisions, GroupId("rack"), OptionId("tour"))
    assert because == ((GroupId("child_seat"), OptionId("recline")),)


def test_a_card_tells_what_else_would_change(bicycle: Offer) -> None:
    differences = service.hints(clicked(bicycle, ())).differences
    # the standard bicycle has a 9-speed derailleur and its chain: a hub gear needs the wide one
    assert differences[GroupId("gears"), OptionId("hub_8")].also == ((GroupId("drive"), OptionId("chain_8")),)
    assert differences[GroupId("colour"), OptionId("navy")].also == ()


def test_rules_about_numbers_and_groups_of_several_give_no_wrong_reason(lamp: Offer) -> None:
    answered = clicked(lamp, (Choose(GroupId("colour"), OptionId("blue")), Choose(GroupId("feet"), OptionId("felt"))))
    hints = service.hints(answered)
    assert hints.excluded[GroupId("shade"), OptionId("small")] == ((GroupId("colour"), OptionId("blue")),)
    more = {pair: found for pair, found in hints.differences.items() if pair[0] == "feet"}
    assert more
    for pair, found in more.items():
        after = clicked(lamp, (*answered.decisions, Choose(*pair)))
        assert found.gross_minor == after.price.gross - answered.price.gross


def test_a_date_on_a_card_is_that_of_its_completion_and_the_others_are_left_open(bicycle: Offer) -> None:
    answered = clicked(bicycle, (Choose(GroupId("colour"), OptionId("navy")),))
    nothing = service.hints(answered)
    assert nothing.dates == {}
    assert nothing.waiting == nothing.differences.keys()
    everything = service.hints(answered, dates_seconds=60)
    assert everything.waiting == frozenset()
    assert len(everything.dates) == len(everything.differences) > 30
    for pair, arrives in everything.dates.items():
        one = everything.differences[pair].nearest.variant
        alone = service.date_of(bicycle, one, standard_to(bicycle.company_id, "DE"))
        assert arrives == (alone.arrives_on if alone else None)
    some = service.hints(answered, dates_seconds=1e-9)  # whatever the time, what is said is right
    assert all(everything.dates[pair] == arrives for pair, arrives in some.dates.items())


def test_a_card_tells_which_numbers_would_change(wardrobe: Offer) -> None:
    answered = service.click(
        wardrobe, (Enter(ParameterId("carcass"), 2336), Choose(GroupId("plinth"), OptionId("p100"))), country="CN",
    )
    classic = service.hints(answered).differences[GroupId("cornice"), OptionId("classic")]
    # 100 + 2336 + 90 mm is more than the suggested height of the niche
    assert [name for name, _ in classic.numbers] == ["niche_height"]
    assert dict(classic.numbers) == {ParameterId("niche_height"): 2526}
    assert classic.nearest.variant.numbers[ParameterId("niche_height")] == 2526
