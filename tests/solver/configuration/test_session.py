"""Complete and exact: what a session says of every value is what judging every assignment says."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from solver.configuration.check import is_valid
from solver.configuration.compile import CompiledProblem, VoidProblem, compile_problem
from solver.configuration.complete import complete, complete_with
from solver.configuration.decisions import UnknownDecision, decided
from solver.configuration.explain import Conflict, Conflicting, why_excluded, why_implied
from solver.configuration.network import Network
from solver.configuration.parts import Kind
from solver.configuration.problem import (
    Choose,
    ConfigurationProblem,
    Decision,
    Enter,
    ExpressionRule,
    GroupId,
    IntegerParameter,
    InvalidProblem,
    OptionGroup,
    OptionId,
    ParameterId,
    RuleId,
    Variant,
)
from solver.configuration.question import RELEASED, STRICT, Answer, Clock, Question
from solver.configuration.rules import parse
from solver.configuration.session import OptionState, Session, ValidDomains, open_session, valid_domains
from tests.solver.configuration.brute import all_variants, decision_lists, has, judged_variants, parts, problems

SLOW_START = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # shrinking takes minutes, and the seed is fixed
random_problems = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=SLOW_START, phases=PHASES
)


def choose(text: str) -> Choose:
    """`gears.hub_8` wants it, `-gears.hub_8` does not."""
    group, option = text.lstrip("-").split(".")
    return Choose(GroupId(group), OptionId(option), not text.startswith("-"))


def compiled_or_skip(problem: ConfigurationProblem) -> CompiledProblem:
    try:
        return compile_problem(problem, seconds=20)
    except VoidProblem as void:
        judged = judged_variants(problem)
        assert not any(broken.isdisjoint(void.rules) for _, broken in judged)
        for some in parts(sorted(void.rules)):
            assert any(broken.isdisjoint(some) for _, broken in judged)  # type: ignore[arg-type]
        assume(False)
    except InvalidProblem:
        assume(False)  # too many combinations, where the engine is allowed none
    raise AssertionError


@random_problems
@given(problem=problems(divide=True), decisions=decision_lists())
def test_domains_of_a_random_problem_are_those_of_all_its_variants(
    engine: str, problem: ConfigurationProblem, decisions: list[Decision]
) -> None:
    compiled = compiled_or_skip(problem)
    variants = all_variants(problem)
    own = decided(problem, (), *decisions)
    left = [variant for variant in variants if has(variant, own)]
    domains = valid_domains(compiled, own, seconds=20)
    if not left:
        assert domains is None
        return
    assert domains is not None
    assert not domains.undecided and not domains.undecided_numbers
    for group in problem.groups:
        for option in group.options:
            state = domains.state(group.id, option)
            after = decided(problem, own, Choose(group.id, option))
            possible = any(has(variant, after) for variant in variants)
            if Choose(group.id, option) in own:
                assert state is OptionState.CHOSEN
            elif Choose(group.id, option, chosen=False) in own:
                assert state is OptionState.REFUSED_BY_BUYER
            elif not possible:
                assert state is OptionState.EXCLUDED
            else:
                everywhere = all(option in variant.chosen[group.id] for variant in left)
                assert state is (OptionState.IMPLIED if everywhere else OptionState.OPEN)
    for parameter in problem.parameters:
        found = {n for low, high, step in domains.numbers[parameter.id] for n in range(low, high + 1, step)}
        expected = {
            n
            for n in parameter.values
            if any(has(variant, decided(problem, own, Enter(parameter.id, n))) for variant in variants)
        }
        assert found == expected


@random_problems
@given(problem=problems(divide=True), decisions=decision_lists(12), seed=st.integers(0, 1000))
def test_a_session_that_decides_and_undoes_says_what_asking_anew_says(
    engine: str, problem: ConfigurationProblem, decisions: list[Decision], seed: int
) -> None:
    compiled = compiled_or_skip(problem)
    session, random = Session(compiled, seconds=20), Random(seed)
    session.domains()
    for decision in decisions:
        before = session.decisions
        found = session.decide(decision)
        own = decided(problem, before, decision)
        anew = valid_domains(compiled, own, seconds=20)
        if isinstance(found, Conflict):
            assert anew is None
            assert session.decisions == before
        else:
            assert found == anew and anew is not None
            assert found.valid.tolist() == anew.valid.tolist()
            assert session.decisions == own
        if session.decisions and random.random() < 0.3:
            gone = random.choice(session.decisions)
            after_undo = session.undo(gone)
            assert gone not in session.decisions
            assert after_undo == valid_domains(compiled, session.decisions, seconds=20)


def test_what_is_compiled_is_played_once_before_its_first_decision_and_answers_as_before() -> None:
    one, other = GroupId("one"), GroupId("other")
    options = (OptionId("a"), OptionId("b"), OptionId("c"))
    rule = ExpressionRule(RuleId("together"), parse("one.a => other.b"))
    groups = OptionGroup(one, options), OptionGroup(other, options)
    compiled = compile_problem(ConfigurationProblem(groups, (), (rule,)))
    assert not compiled.warm
    session = Session(compiled)
    first = session.domains()
    assert compiled.warm and session.decisions == ()
    assert first == valid_domains(compiled, ()) and len(first.open_questions) == 2
    with pytest.raises(ValueError, match="read-only"):  # all sessions begin with it
        first.valid[0] = 0
    found = session.decide(Choose(one, options[0]))
    assert isinstance(found, ValidDomains) and found.state(other, options[1]) is OptionState.IMPLIED
    assert Session(compiled).domains() == first


def test_domains_stay_what_they_were_when_the_session_goes_on(bicycle: CompiledProblem) -> None:
    session = Session(bicycle)
    first = session.domains()
    belt = session.decide(choose("drive.belt"))
    assert isinstance(belt, ValidDomains)
    session.decide(choose("fork.carbon"))
    session.undo(choose("drive.belt"))
    assert first == valid_domains(bicycle, ())
    assert belt == valid_domains(bicycle, (choose("drive.belt"),))


@random_problems
@given(problem=problems(divide=True), decisions=decision_lists(6))
def test_conflicts_of_a_random_problem_are_minimal_and_their_repairs_possible(
    engine: str, problem: ConfigurationProblem, decisions: list[Decision]
) -> None:
    compiled = compiled_or_skip(problem)
    judged = judged_variants(problem)
    variants = [variant for variant, broken in judged if not broken]
    own = decided(problem, (), *decisions)
    opened = open_session(compiled, own, seconds=20)
    if any(has(variant, own) for variant in variants):
        assert isinstance(opened, Session)
        return
    assert isinstance(opened, Conflict)

    def under(rules: object) -> list[Variant]:
        return [variant for variant, broken in judged if broken.isdisjoint(rules)]  # type: ignore[arg-type]

    assert opened.decisions
    assert not any(has(variant, opened.decisions) for variant in under(opened.rules))
    for some in parts(opened.decisions):
        assert any(has(variant, some) for variant in under(opened.rules))
    for some in parts(opened.rules):
        assert any(has(variant, opened.decisions) for variant in under(some))
    assert 1 <= len(opened.repairs) <= 3
    fewest = min(sum(1 for d in own if not has(variant, [d])) for variant in variants)
    assert len(opened.repairs[0].changes) == fewest
    sizes = [len(repair.changes) for repair in opened.repairs]
    assert sizes == sorted(sizes)
    for repair in opened.repairs:
        assert any(has(variant, repair.decisions) for variant in variants)
        gone = {change.old for change in repair.changes}
        assert gone <= set(own)
        kept = {d for d in own if d not in gone}
        assert kept <= set(repair.decisions)
        for change in repair.changes:
            if isinstance(change.old, Enter) and isinstance(change.new, Enter):
                asked = problem.parameter_by_id[change.new.parameter].asked
                others = [d for d in repair.decisions if d != change.new]
                numbers = {v.numbers[change.new.parameter] for v in variants if has(v, others)}
                nearest = min((abs(n - change.old.value) for n in numbers if n in asked), default=0)
                assert change.new.value not in asked or abs(change.new.value - change.old.value) == nearest


@random_problems
@given(
    problem=problems(divide=True),
    decisions=decision_lists(3),
    prefer=decision_lists(6),
    costs=st.dictionaries(
        st.sampled_from([(GroupId("a"), OptionId("a1")), (GroupId("c"), OptionId("c2")), ParameterId("x")]),
        st.integers(-50, 50),
    ),
)
def test_completions_of_a_random_problem_break_the_fewest_preferences_and_then_cost_least(
    engine: str,
    problem: ConfigurationProblem,
    decisions: list[Decision],
    prefer: list[Decision],
    costs: dict[tuple[GroupId, OptionId] | ParameterId, int],
) -> None:
    compiled = compiled_or_skip(problem)
    own = decided(problem, (), *decisions)
    left = [variant for variant in all_variants(problem) if has(variant, own)]

    def rank(variant: Variant) -> tuple[int, int]:
        broken = sum(1 for d in prefer if not has(variant, [d]))
        cost = sum(
            amount * (key[1] in variant.chosen[key[0]] if isinstance(key, tuple) else variant.numbers[key])
            for key, amount in costs.items()
        )
        return broken, cost

    if not left:
        with pytest.raises(Conflicting):
            complete(compiled, own, prefer=prefer, costs=costs, seconds=20)
        return
    found = complete(compiled, own, prefer=prefer, costs=costs, seconds=20)
    assert is_valid(problem, found) and has(found, own)
    assert rank(found) == min(rank(variant) for variant in left)


def test_both_engines_agree_on_a_click_of_the_bicycle(engine: str, bicycle: CompiledProblem) -> None:
    own = (choose("fork.carbon"), choose("child_seat.toddler"), choose("-light.battery"))
    other = compile_problem(bicycle.problem)
    assert (Kind.MIXED in {part.kind for part in other.parts}) == (engine != "tables")
    assert valid_domains(other, own) == valid_domains(bicycle, own)


@pytest.mark.parametrize(
    ("picked", "question", "state"),
    [
        ([], "drive.belt", OptionState.OPEN),
        (["gears.hub_8"], "drive.chain_8", OptionState.OPEN),  # or a belt
        (["gears.hub_8"], "drive.chain_9", OptionState.EXCLUDED),  # the table of widths
        (["gears.derailleur_9"], "drive.chain_9", OptionState.IMPLIED),  # a belt needs a hub gear
        (["gears.derailleur_9"], "drive.belt", OptionState.EXCLUDED),
        (["drive.belt"], "gears.derailleur_9", OptionState.EXCLUDED),
        (["fork.carbon"], "tyres.t40", OptionState.EXCLUDED),  # 40 + 12 > 50
        (["fork.carbon"], "tyres.t35", OptionState.OPEN),
        (["fork.carbon", "tyres.t35"], "mudguards.full", OptionState.EXCLUDED),  # 35 + 20 > 50
        (["child_seat.recline"], "rack.tour", OptionState.IMPLIED),
        (["child_seat.toddler"], "rack.light", OptionState.OPEN),
        (["child_seat.toddler"], "stand.double", OptionState.IMPLIED),
        (["tyres.t55"], "fork.suspension", OptionState.IMPLIED),
        (["tyres.t55"], "size.s", OptionState.EXCLUDED),
        (["tyres.t55"], "brakes.rim", OptionState.EXCLUDED),  # through the suspension fork
        (["colour.sky"], "colour.navy", OptionState.OPEN),  # another colour is still open
        (["colour.sky"], "colour.sky", OptionState.CHOSEN),
        (["-colour.sky"], "colour.sky", OptionState.REFUSED_BY_BUYER),
        (["gears.hub_8", "drive.belt"], "gears.derailleur_9", OptionState.EXCLUDED),  # in place of hub_8, with the belt
        (["gears.hub_8", "drive.belt"], "gears.hub_5", OptionState.OPEN),
    ],
)
def test_bicycle_facts(bicycle: CompiledProblem, picked: list[str], question: str, state: OptionState) -> None:
    domains = Session(bicycle, [choose(text) for text in picked]).domains()
    asked = choose(question)
    assert domains.state(asked.group, asked.option) is state


def test_a_conflict_leaves_the_session_as_it_was_and_names_rule_decisions_and_repair(bicycle: CompiledProblem) -> None:
    session = Session(bicycle, [choose("colour.sky"), choose("gears.derailleur_9")])
    conflict = session.decide(choose("drive.belt"))
    assert isinstance(conflict, Conflict)
    assert conflict.rules == ("belt_needs_hub",)
    assert conflict.decisions == (choose("gears.derailleur_9"), choose("drive.belt"))
    assert session.decisions == (choose("colour.sky"), choose("gears.derailleur_9"))
    assert {change.new for repair in conflict.repairs for change in repair.changes} == {
        choose("gears.hub_5"),
        choose("gears.hub_8"),
        choose("gears.hub_11"),
    }
    for repair in conflict.repairs:  # the newest decision is kept
        assert choose("drive.belt") in repair.decisions
        assert isinstance(open_session(bicycle, repair.decisions), Session)


def test_undo_gives_back_what_was_open_before(bicycle: CompiledProblem) -> None:
    session = Session(bicycle, [choose("size.m")])
    before = session.domains()
    assert session.decide(choose("child_seat.recline")) != before
    assert session.undo(choose("child_seat.recline")) == before
    assert session.decisions == (choose("size.m"),)


def test_a_new_choice_takes_the_place_of_the_old_one(bicycle: CompiledProblem) -> None:
    session = Session(bicycle, [choose("colour.sky"), choose("size.m")])
    assert isinstance(session.decide(choose("colour.navy")), ValidDomains)
    assert session.decisions == (choose("size.m"), choose("colour.navy"))


def test_questions_are_open_until_they_are_determined(bicycle: CompiledProblem) -> None:
    domains = Session(bicycle, [choose("gears.derailleur_9"), choose("colour.sky")]).domains()
    assert not {"gears", "drive", "colour"} & set(domains.open_questions)  # drive is implied
    assert {"size", "fork"} <= set(domains.open_questions)


def test_decisions_that_the_problem_does_not_know_are_refused(bicycle: CompiledProblem) -> None:
    for unknown in (choose("wings.large"), choose("colour.plaid"), Enter(ParameterId("width"), 3)):
        with pytest.raises(UnknownDecision):
            open_session(bicycle, [unknown])


@pytest.mark.parametrize(
    ("picked", "asked", "decisions", "rules"),
    [
        (["size.m", "drive.belt"], "gears.derailleur_9", {"drive.belt"}, {"belt_needs_hub"}),
        (["size.m", "child_seat.recline"], "rack.light", {"child_seat.recline"}, {"reclining_seat_needs_touring_rack"}),
        (["tyres.t55"], "brakes.rim", {"tyres.t55"}, {"tyre_fits_fork", "suspension_without_rim"}),
    ],
)
def test_why_an_option_is_excluded(
    bicycle: CompiledProblem, picked: list[str], asked: str, decisions: set[str], rules: set[str]
) -> None:
    reason = why_excluded(bicycle, [choose(text) for text in picked], choose(asked).group, choose(asked).option)
    assert set(reason.decisions) == {choose(text) for text in decisions}
    assert set(reason.rules) == rules


def test_why_an_option_is_implied(bicycle: CompiledProblem) -> None:
    reason = why_implied(
        bicycle, [choose("size.m"), choose("child_seat.toddler")], GroupId("stand"), OptionId("double")
    )
    assert reason.decisions == (choose("child_seat.toddler"),)
    assert reason.rules == ("child_seat_needs_stand",)
    with pytest.raises(ValueError, match="possible"):
        why_implied(bicycle, [choose("size.m")], GroupId("stand"), OptionId("double"))


def test_the_nearest_variant_with_an_option_changes_little_and_keeps_the_text(bicycle: CompiledProblem) -> None:
    own = (choose("drive.chain_9"), choose("colour.sky"))
    standing = complete(bicycle, own, prefer=[choose("size.m"), choose("tyres.t40")])
    standing = Variant(standing.chosen, standing.numbers, {"engraving": "早安"})
    found = complete_with(bicycle, own, standing, GroupId("drive"), OptionId("belt"))
    assert is_valid(bicycle.problem, found)
    changed = {group for group in found.chosen if found.chosen[group] != standing.chosen[group]}
    assert changed == {"drive", "gears"}
    assert found.texts == {"engraving": "早安"}
    with pytest.raises(Conflicting):  # gears are the buyer's own now
        complete_with(bicycle, (choose("gears.derailleur_9"),), standing, GroupId("drive"), OptionId("belt"))


# A wardrobe's width: more values than the kernel takes, a hole, and a sum.
PANELS = OptionGroup(
    GroupId("panel"),
    (OptionId("p400"), OptionId("p600")),
    numbers={"width": {OptionId("p400"): 400, OptionId("p600"): 600}},
)
WIDE = ConfigurationProblem(
    (PANELS,),
    (IntegerParameter(ParameterId("width"), 300, 5000, 5), IntegerParameter(ParameterId("count"), 1, 9)),
    (
        ExpressionRule(RuleId("whole"), parse("panel.width * count = width")),
        ExpressionRule(RuleId("gap"), parse("width <= 1200 or width > 2000")),
        ExpressionRule(RuleId("ceiling"), parse("ceil(width / 1000) <= 4")),
    ),
)


@pytest.mark.parametrize(
    ("decisions", "widths"),
    [
        ([], {400, 800, 1200, 600, 2400, 2800, 3200, 3600, 3000}),
        ([Choose(GroupId("panel"), OptionId("p600"))], {600, 1200, 2400, 3000, 3600}),
        ([Enter(ParameterId("count"), 2)], {800, 1200}),
        ([Enter(ParameterId("width"), 1200), Enter(ParameterId("count"), 3)], {1200}),
    ],
)
def test_large_parameters_have_exact_domains(decisions: list[Decision], widths: set[int]) -> None:
    domains = Session(compile_problem(WIDE), decisions, seconds=20).domains()
    found = {n for low, high, step in domains.numbers[ParameterId("width")] for n in range(low, high + 1, step)}
    assert found == widths
    assert not domains.undecided_numbers


def test_a_number_outside_its_domain_is_a_conflict_with_itself_alone() -> None:
    conflict = Session(compile_problem(WIDE), seconds=20).decide(Enter(ParameterId("width"), 301))
    assert isinstance(conflict, Conflict)
    assert conflict.decisions == (Enter(ParameterId("width"), 301),)
    assert conflict.rules == ()
    (change,) = (change for repair in conflict.repairs for change in repair.changes)
    assert change.new == Enter(ParameterId("width"), 400)


def test_a_repair_changes_a_number_as_little_as_the_rest_of_it_allows() -> None:
    width = ParameterId("width")
    session = Session(compile_problem(WIDE), [Enter(width, 2800)], seconds=20)
    conflict = session.decide(Choose(PANELS.id, OptionId("p600")))
    assert isinstance(conflict, Conflict)
    assert [change.new for repair in conflict.repairs for change in repair.changes] == [Enter(width, 3000)]
    counted = Session(compile_problem(WIDE), [Enter(width, 2800), Choose(PANELS.id, OptionId("p400"))], seconds=20)
    conflict = counted.decide(Enter(ParameterId("count"), 3))
    assert isinstance(conflict, Conflict)
    assert {change.new for repair in conflict.repairs for change in repair.changes} == {Enter(width, 1200)}


ROOM = ConfigurationProblem(
    (PANELS,),
    (IntegerParameter(ParameterId("width"), 300, 5000, 5), IntegerParameter(ParameterId("height"), 300, 5000, 5)),
    (ExpressionRule(RuleId("whole"), parse("width + height >= panel.width * 10 and width + height <= 6100")),),
)


def test_a_wish_for_a_number_that_cannot_be_met_is_come_near_to_without_another_search(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = compile_problem(ROOM)
    width, height = Enter(ParameterId("width"), 2000), Enter(ParameterId("height"), 3000)
    with monkeypatch.context() as patched:
        patched.setattr(CompiledProblem, "fallback", lambda *_: pytest.fail("CP-SAT was asked"))
        found = complete(compiled, [Choose(PANELS.id, OptionId("p600"))], prefer=[width, height])
        with pytest.raises(Conflicting):
            complete(compiled, [Choose(PANELS.id, OptionId("p600")), Enter(ParameterId("width"), 400)], prefer=[height])
    assert is_valid(ROOM, found)
    assert found.numbers in ({"width": 2000, "height": 4000}, {"width": 3000, "height": 3000})


def test_a_void_problem_is_refused_with_the_rules_that_clash() -> None:
    rules = (
        ExpressionRule(RuleId("harmless"), parse("a.a1 or a.a2")),
        ExpressionRule(RuleId("one"), parse("a.a1")),
        ExpressionRule(RuleId("other"), parse("not a.a1")),
    )
    group = OptionGroup(GroupId("a"), (OptionId("a1"), OptionId("a2")))
    with pytest.raises(VoidProblem) as caught:
        compile_problem(ConfigurationProblem((group,), (), rules))
    assert caught.value.rules == {"one", "other"}


class _TooLate:
    """An engine that time leaves with nothing but what the decisions allow."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def domains(self, question: Question, clock: Clock) -> Answer:
        nothing = np.zeros_like(question.allowed)
        return Answer(nothing, question.allowed * STRICT | question.asked * RELEASED)


def test_what_time_does_not_settle_is_undecided_and_never_excluded(bicycle: CompiledProblem) -> None:
    compiled = compile_problem(bicycle.problem)
    own = (choose("drive.belt"), choose("fork.carbon"), choose("tyres.t28"), choose("colour.sun"), choose("size.xl"))
    truth = valid_domains(bicycle, own)
    assert truth is not None
    compiled.parts = tuple(replace(part, engine=_TooLate(part.network)) for part in compiled.parts)  # type: ignore[arg-type]
    found = valid_domains(compiled, own)
    assert found is not None
    assert found.undecided
    for group, states in truth.options.items():
        for option, state in states.items():
            if state in (OptionState.OPEN, OptionState.IMPLIED):
                assert found.state(group, option) is OptionState.OPEN
                assert (group, option) in found.undecided
    assert valid_domains(compiled, own) is not found  # what is open is not remembered


def test_a_group_of_a_thousand_options_is_settled_one_by_one() -> None:
    many = OptionGroup(GroupId("many"), tuple(OptionId(f"o{k}") for k in range(1000)))
    other = OptionGroup(GroupId("other"), (OptionId("yes"), OptionId("no")))
    rule = ExpressionRule(RuleId("r"), parse("other.yes => many.o1 or many.o999"))
    compiled = compile_problem(ConfigurationProblem((many, other), (), (rule,)))
    domains = Session(compiled, [choose("other.yes")], seconds=20).domains()
    assert [o for o, state in domains.options[GroupId("many")].items() if state is OptionState.OPEN] == ["o1", "o999"]


def test_the_repair_with_the_fewest_changes_comes_first() -> None:
    yes_or_no = (OptionId("yes"), OptionId("no"))
    groups = tuple(OptionGroup(GroupId(name), yes_or_no) for name in ("q", "r", "p", "new"))
    rule = ExpressionRule(RuleId("rule"), parse("new.yes => p.no or q.no and r.no"))
    compiled = compile_problem(ConfigurationProblem(groups, (), (rule,)))
    session = Session(compiled, [choose(text) for text in ("q.yes", "r.yes", "p.yes")], seconds=20)
    conflict = session.decide(choose("new.yes"))
    assert isinstance(conflict, Conflict)
    changed = [[change.new for change in repair.changes] for repair in conflict.repairs]
    assert changed == [[choose("p.no")], [choose("q.no"), choose("r.no")]]
