"""What becomes of a buyer's decisions when one is made or taken back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from solver.configuration.problem import ConfigurationProblem, Decision, Enter


class UnknownDecision(LookupError):
    """The decision names a group, option or parameter that the problem does not have."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(f"{decision} is not part of this problem.")
        self.decision = decision


def require_known(problem: ConfigurationProblem, decisions: Iterable[Decision]) -> None:
    """Raises UnknownDecision for a name that the problem does not have; any number may be entered."""
    for decision in decisions:
        if isinstance(decision, Enter):
            known = decision.parameter in problem.parameter_by_id
        else:
            group = problem.group_by_id.get(decision.group)
            known = group is not None and decision.option in group.options
        if not known:
            raise UnknownDecision(decision)


def replaces(problem: ConfigurationProblem, new: Decision, old: Decision) -> bool:
    """Whether the new decision takes the place of the old one.

    It does if it is about the same option or parameter, and if both choose an option in a group that has at most one.
    """
    if isinstance(new, Enter) or isinstance(old, Enter):
        return isinstance(new, Enter) and isinstance(old, Enter) and new.parameter == old.parameter
    if new.group != old.group:
        return False
    return new.option == old.option or (problem.group_by_id[new.group].single and new.chosen and old.chosen)


def decided(problem: ConfigurationProblem, decisions: Sequence[Decision], *new: Decision) -> tuple[Decision, ...]:
    """The decisions after the new ones, in the order in which they were made."""
    found = list(decisions)
    for decision in new:
        found = [old for old in found if not replaces(problem, decision, old)]
        found.append(decision)
    return tuple(found)


def undone(decisions: Sequence[Decision], *gone: Decision) -> tuple[Decision, ...]:
    """The decisions without those that are taken back."""
    return tuple(decision for decision in decisions if decision not in gone)
