"""A feature model of another tool (UVL, FeatureIDE), analysed while its sender waits. Nothing of it is stored.

It is read, compiled and analysed aside: what a file can do to a process it does to one that ends with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from threading import Lock
from time import monotonic
from typing import Any, Final

from flask_babel import lazy_gettext as _l

from catalog.feature_file import read_feature_data
from catalog.feature_model import Fault, LeftOut, ModelSyntaxError, NotSupported
from catalog.feature_problem import FeatureProblem, problem_of
from catalog.uvl import NoSuchFile
from catalog.uvl_files import NotReadable
from configurator.aside import Busy, aside
from configurator.errors import DomainError
from configurator.modelling.report import MOST, Wording, analysis_data
from solver.configuration.analyse import analyse, analyse_void
from solver.configuration.compile import VoidProblem, compile_problem
from solver.configuration.problem import InvalidProblem, RuleId
from solver.configuration.question import OutOfTime

SECONDS: Final = 20.0  # at most, for all of it: somebody waits
_COMPILING: Final = 0.5  # the share of the time that compiling may take

Report = dict[str, Any]
_one = Lock()  # held while a model is analysed


class FileRefused(DomainError):
    """No model can be read from the file. `faults`: where (`file:line`) and what, all that were found."""

    def __init__(self, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(field="data")
        self.faults = faults


class NotAModel(FileRefused):
    code, words = "not_a_feature_model", _l("The file is no feature model: every fault is named with its line.")


class PartsNotSupported(FileRefused):
    code = "not_supported"
    words = _l("The file says what is not supported. All of it is named with its line; nothing was analysed.")


class NotSolvable(FileRefused):
    code, words = "not_solvable", _l("The numbers of the model are too large to count with.")


class TookTooLong(DomainError):
    code = "took_too_long"
    words = _l("The analysis did not end within %(seconds)s seconds.")


class AnalysesTaken(DomainError):
    code, status = "busy", 429
    words = _l("Another model is being analysed just now. Please try again in a moment.")


_REFUSALS: Final[dict[str, type[FileRefused]]] = {one.code: one for one in (NotAModel, PartsNotSupported, NotSolvable)}


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A FileRefused as it comes from another process."""

    code: str
    faults: tuple[tuple[str, str], ...]


def analysed_model(data: bytes, name: str, main: str | None, *, seconds: float = SECONDS) -> Report:
    """What a file called `name` holds, and the analysis of it as that of a catalog file, as plain data.

    `main`: of a zip the file that imports the others, if that is not clear. `facts` is None if nothing is valid. Raises
    NotAModel, PartsNotSupported, NotSolvable, TookTooLong, and AnalysesTaken while this process analyses another one.
    """
    seconds = min(seconds, SECONDS)
    try:
        found = aside(lambda: _report(data, name, main, seconds), seconds=seconds, one=_one)
    except Busy:
        raise AnalysesTaken from None
    if found is None:
        raise TookTooLong(field="data", seconds=round(seconds))
    if isinstance(found, _Refusal):
        raise _REFUSALS[found.code](found.faults)
    return found


def _report(data: bytes, name: str, main: str | None, seconds: float) -> Report | _Refusal | None:
    until = monotonic() + seconds
    try:
        model = read_feature_data(data, name, main)
        stated = problem_of(model)
    except ModelSyntaxError as error:
        return _Refusal(NotAModel.code, _places(error.faults, name))
    except (NotReadable, NoSuchFile) as error:
        return _Refusal(NotAModel.code, ((name, str(error.args[0])),))
    except NotSupported as error:
        return _Refusal(PartsNotSupported.code, _places(error.left_out, name))
    except InvalidProblem as error:
        return _Refusal(NotSolvable.code, ((name, str(error)),))
    words, facts = FeatureWording(stated), None
    try:
        compiled = compile_problem(stated.problem, seconds=_COMPILING * seconds)
        facts = asdict(compiled.facts)
        analysis = analyse(compiled, seconds=until - monotonic())
    except VoidProblem:
        analysis = analyse_void(stated.problem, seconds=until - monotonic())
    except InvalidProblem as error:
        return _Refusal(NotSolvable.code, ((name, str(error)),))
    except OutOfTime:
        return None
    return {
        "features": len(model.features),
        "groups": len(model.groups),
        "constraints": len(model.constraints),
        "notes": [
            {"file": note.file or name, "line": note.line, "message": note.message}
            for note in (*model.notes, *stated.notes)
        ],
        "facts": facts,
        "analysis": analysis_data(analysis, words),
    }


def _places(found: Iterable[Fault | LeftOut], name: str) -> tuple[tuple[str, str], ...]:
    """Where, as `file:line`, and what is said of it."""
    return tuple(
        (
            f"{one.file or name}:{one.line}" if one.line else one.file or name,
            f"{one.construct}: {one.text}" if isinstance(one, LeftOut) else one.message,
        )
        for one in found
    )[:MOST]


class FeatureWording(Wording):
    """The names of a feature model are all that it has; a rule is what its line says."""

    def __init__(self, stated: FeatureProblem) -> None:
        self._stated = stated

    def question(self, name: str) -> dict[str, str]:
        """A group or parameter."""
        return {"zh": name, "en": name}

    def option(self, group: str, option: str) -> dict[str, Any]:
        """The feature that the option stands for, or a text that is typed."""
        name = self._stated.feature(group, option) or f"{group}={option}"
        return {"id": name, **self.question(name)}

    def rule(self, rule: str) -> dict[str, Any]:
        """A rule with what it says."""
        return {"id": rule, **self.question(self._stated.texts.get(RuleId(rule), rule))}
