"""The difference between two revisions is what can be had before and not after, and the other way round."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.compare import Difference, compare
from catalog.load import read_file
from catalog.state import state
from solver.configuration.check import is_valid
from solver.configuration.compile import VoidProblem, compile_problem
from solver.configuration.problem import ConfigurationProblem
from tests.catalog.small import section
from tests.solver.configuration.brute import all_variants, problems

PRODUCT = section("product")


def lamp(*changes: tuple[str, str]) -> ConfigurationProblem:
    text = PRODUCT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = read_file(text)
    assert file.product is not None
    return state(file.product)


def difference(*changes: tuple[str, str], seconds: float = 30.0) -> Difference:
    return compare(compile_problem(lamp()), compile_problem(lamp(*changes)), seconds=seconds)


def test_the_same_rules_in_other_words_are_proved_to_be_the_same() -> None:
    found = difference(("height > 40 => shade.small", "not (height >= 45 and shade.large)"), ("Lamp}", "Fine lamp}"))
    assert found.same is True and found.only_old == found.only_new == ()
    assert found.old_count is not None and found.old_count == found.new_count


def test_a_stricter_rule_is_told_with_a_variant_that_is_lost() -> None:
    found = difference(("height > 40 => shade.small", "height > 30 => shade.small"))
    assert found.same is False and found.only_new == ()
    (example,) = found.only_old
    assert example.rule == "stable"
    assert is_valid(lamp(), example.variant)
    assert not is_valid(lamp(("height > 40 => shade.small", "height > 30 => shade.small")), example.variant)


def test_a_rule_that_is_gone_is_told_with_a_variant_that_is_gained() -> None:
    rule = """    - id: stable
      text: {zh: 高灯要小灯罩, en: A high lamp needs a small shade.}
      expression: height > 40 => shade.small
"""
    found = difference((rule, ""))
    assert found.only_old == () and [one.rule for one in found.only_new] == ["stable"]


def test_an_option_that_comes_or_goes_is_told() -> None:
    green = "        - {id: green, name: {zh: 绿, en: Green}}\n"
    blue = "        - {id: blue, name: {zh: 蓝, en: Blue}}\n"
    row = "          - [red, small]\n"
    more = difference((blue, blue + green), (row, row + row.replace("red", "green")))
    assert (more.gained, more.lost, more.same) == ((("colour", "green"),), (), False)
    assert {one.rule for one in more.only_new} >= {"colour:limits"} and more.only_old == ()
    fewer = difference((blue, green), ("[blue, large]", "[green, large]"), ("colour: blue", "colour: green"))
    assert (fewer.gained, fewer.lost) == ((("colour", "green"),), (("colour", "blue"),))


def test_numbers_of_options_that_change_what_a_rule_means_are_seen() -> None:
    wide = ("expression: height > 40 => shade.small", "expression: shade.width <= height + 5")
    old = compile_problem(lamp(wide))
    found = compare(old, compile_problem(lamp(wide, ("numbers: {width: 40}", "numbers: {width: 30}"))))
    assert found.same is False
    assert [one.rule for one in found.only_new] == ["stable"] and found.only_old == ()


def test_a_question_that_is_new_leaves_what_it_may_allow_unsettled() -> None:
    options = "options: [{id: silk, name: {zh: 丝, en: Silk}}]"
    ribbon = f"    - {{id: ribbon, step: more, name: {{zh: 带, en: Ribbon}}, {options}}}\n"
    found = difference(("  parameters:\n", ribbon + "  parameters:\n"),
                       ("height > 40 => shade.small", "height > 30 => shade.small and ribbon.silk"))  # fmt: skip
    assert found.new_questions == ("ribbon",) and found.same is False
    assert "stable" in found.unsettled  # no example, and yet it is not said that nothing is lost


def test_a_number_range_that_shrinks_is_told() -> None:
    found = difference(("maximum: 50, step_size: 5", "maximum: 40, step_size: 10"))
    rules = {one.rule for one in found.only_old}
    assert "height:limits" in rules
    assert all(one.variant.numbers["height"] % 10 or one.variant.numbers["height"] > 40  # type: ignore[index]
               for one in found.only_old)  # fmt: skip


def test_what_time_does_not_settle_is_not_said_to_be_the_same() -> None:
    found = difference(("height > 40 => shade.small", "height >= 45 => shade.small"), seconds=0)
    assert found.same is None and found.unsettled == ("stable",)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.data())
def test_a_comparison_agrees_with_brute_force(data: st.DataObject) -> None:
    old, new = data.draw(problems(divide=False)), data.draw(problems(divide=False))
    try:
        before, after = compile_problem(old), compile_problem(new)
    except VoidProblem:
        return
    found = compare(before, after, seconds=60)
    mine, theirs = all_variants(old), all_variants(new)
    for example in found.only_old:
        assert example.variant in mine and example.variant not in theirs
    for example in found.only_new:
        assert example.variant in theirs and example.variant not in mine
    same = len(mine) == len(theirs) and all(one in theirs for one in mine)
    assert found.same in (same, None)
    if found.same is None:
        assert found.unsettled
