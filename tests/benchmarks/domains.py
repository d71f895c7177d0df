"""Suite `domains`: the complete valid domains after every decision, by our engine and by its peers.

Every engine answers the same random sessions on one core: after each decision, for every value still offered, is there
a complete configuration? The decisions are drawn among what our engine says is open, by the process that publishes; all
engines get them in processes that have not seen them, ours from what was stored, as a web process has it. Every answer
of a peer is compared with ours, choice by choice. A ratio is between the answers to the questions that both were asked.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from tests.benchmarks.apart import Apart, Ended, Overdue
from tests.benchmarks.models import Source, shared_folder, sources
from tests.benchmarks.report import Row, pivot

SUITE = "domains"
LENGTH = 10  # decisions of a session
KERNELS_SECONDS = 1200.0  # until the kernels are compiled, which happens once on a machine
CLICK_SECONDS = 5.0  # that our engine may take for one answer
WARM = 4  # sessions that come first and are not counted: Python rewrites code while it runs it for the first few times


@dataclass(frozen=True, slots=True)
class Settings:
    """What is measured, and for how long (seconds a model)."""

    folder: Path
    only: tuple[str, ...] = ()
    peers: str = ""  # the Python that has flamapy
    sessions: int = 20
    publish: float = 120.0
    ours: float = 30.0
    ready: float = 120.0  # until a peer has read the model
    peer: float = 20.0  # for all answers of a peer
    answer: float = 90.0  # for one of them
    naive: float = 30.0  # for one that takes a query for each value

    @classmethod
    def of(cls, *, full: bool, folder: Path | None, only: Sequence[str], peers: str) -> "Settings":
        """The short settings keep the whole suite below 25 minutes."""
        settings = cls(folder or shared_folder(), tuple(only), peers)
        if not full:
            return settings
        return replace(settings, sessions=100, ours=300.0, peer=600.0, answer=300.0, naive=300.0, ready=600.0)


@dataclass(slots=True)
class Answers:
    """What an engine answered: milliseconds by question, in the order of the questions."""

    milliseconds: list[float] = field(default_factory=list)
    compared: int = 0
    disagreements: int = 0
    undecided: int = 0
    cut: int = 0  # answers that its time did not suffice for: their milliseconds are what they took at least
    publish_s: float = 0.0
    memory_mb: float = 0.0
    note: str = ""


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank; NaN without values."""
    if not values:
        return float("nan")
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * int(percent) // 100) - 1)]


def each_source(settings: Settings) -> Iterator[tuple[Source, Path]]:
    """The models, one after the other, each with a folder for its files; says what there is not."""
    with tempfile.TemporaryDirectory(prefix="bench-models-") as made:
        if not settings.folder.is_dir():
            click.echo(f"{settings.folder} is not there: only the models made here are measured.", err=True)
        found = sources(settings.folder, Path(made), settings.only)
        if not found:
            click.echo("No model has such a name.", err=True)
        with Apart("tests.benchmarks.ours") as process:
            asked(process, "ready", KERNELS_SECONDS)
        for number, source in enumerate(found):
            click.echo(f"[{number + 1}/{len(found)}] {source.name}", err=True)
            files = Path(made) / f"files-{number}"
            files.mkdir()
            yield source, files
            shutil.rmtree(files)


def asked(process: Apart, question: str, limit: float, **more: Any) -> dict[str, Any]:
    """One answer of our engine. Raises Ended with what went wrong, and Overdue."""
    answer = process.ask({"ask": question, **more}, limit)
    if "error" in answer:
        raise Ended(answer["error"])
    return answer


def read(process: Apart, source: Source, files: Path, seconds: float) -> dict[str, Any]:
    """Let our engine read the model; its answer has the statement for the peers."""
    plain = asdict(source) | {"path": None if source.path is None else str(source.path)}
    return asked(process, "read", seconds, source=plain, folder=str(files))


def show(rows: Sequence[Row]) -> None:
    """A line for each model and engine. A ratio is how many times as long as ours the peer took."""
    ratios = ("p50_ratio", "p90_ratio", "p99_ratio")
    facts = ("publish_s", "memory_mb", "compiled_share", "undecided", "disagreements")
    pivot(rows, ("p50_ms", "p90_ms", "p99_ms", *ratios, *facts))


def run(*, full: bool, folder: Path | None = None, only: Sequence[str] = (), peers: str = "") -> Iterator[Row]:
    """All models, all engines."""
    settings = Settings.of(full=full, folder=folder, only=only, peers=peers)
    for source, files in each_source(settings):
        yield from _measure(source, files, settings)


def _measure(source: Source, files: Path, settings: Settings) -> Iterator[Row]:
    name, stored = source.name, str(files / "compiled")
    steps: list[dict[str, Any]] = []
    ours = Answers()
    try:
        with Apart("tests.benchmarks.ours") as process:
            model = read(process, source, files, settings.ready)
            published = asked(process, "publish", settings.publish + 60, seconds=settings.publish)
            ours.publish_s, ours.memory_mb = published["seconds"], published["memory_mb"]
            asked(process, "store", 60, path=stored)
            sessions = _drawn(process, settings)
        with Apart("tests.benchmarks.ours") as process:
            read(process, source, files, settings.ready)
            asked(process, "load", 60, path=stored)
            cut = _ours(process, settings, sessions, steps, ours)
    except (Ended, Overdue) as error:
        yield Row(SUITE, name, "ours", "p50_ms", float("nan"), "ms", f"not measured: {error}")
        return
    ours.note = "; ".join([published["facts"], *model["notes"][:1], *cut])
    yield from _figures(name, "ours", ours)
    yield Row(SUITE, name, "ours", "compiled_share", published["compiled_share"], "")
    engines = {
        "flamapy": (settings.peers, settings.answer),
        "cpsat_naive": (sys.executable, settings.naive),
        "cpsat_tuned": (sys.executable, settings.answer),
    }
    disagreements = compared = 0
    for engine, (python, limit) in engines.items():
        theirs = _peer(f"tests.benchmarks.peers.{engine}", python, model["statement"], steps, settings, limit)
        if not theirs.milliseconds:
            yield Row(SUITE, name, engine, "p50_ms", float("nan"), "ms", theirs.note)
            continue
        yield from _figures(name, engine, theirs)
        yield from _ratios(name, engine, ours, theirs)
        disagreements += theirs.disagreements
        compared += theirs.compared
    yield Row(SUITE, name, "ours", "disagreements", disagreements, "count", f"{compared:,} choices compared")


def _drawn(process: Apart, settings: Settings) -> list[list[Any]]:
    """Random sessions, `WARM` more than are counted, or as many as the time suffices for."""
    found: list[list[Any]] = []
    spent = 0.0
    while len(found) < WARM + settings.sessions and (len(found) <= WARM or spent <= settings.ours):
        limit = 60 + LENGTH * 3 * CLICK_SECONDS
        drawn = asked(process, "draw", limit, seed=len(found), length=LENGTH)
        found.append(drawn["decisions"])
        spent += drawn["seconds"]
    return found


def _ours(
    process: Apart, settings: Settings, sessions: Sequence[list[Any]], steps: list[dict[str, Any]], ours: Answers
) -> list[str]:
    """The sessions until the time is over; what has to be said of that."""
    limit = 60 + 2 * settings.ours + LENGTH * 3 * CLICK_SECONDS
    played = asked(
        process, "sessions", limit, several=sessions, warm=WARM, seconds=CLICK_SECONDS, budget=settings.ours
    )
    ours.memory_mb = max(ours.memory_mb, played["memory_mb"])
    for more in played["sessions"]:
        steps.extend(more)
        ours.milliseconds.extend(step["ms"] for step in more)
        for step in more:
            ours.undecided += step["can"].count("2") + step["cannot"].count("2") + step["open_numbers"]
    done = len(played["sessions"])
    return [f"stopped at its limit after {done} of {settings.sessions} sessions"] if done < settings.sessions else []


def _peer(
    module: str, python: str, statement: str, steps: Sequence[dict[str, Any]], settings: Settings, limit: float
) -> Answers:
    """The peer's answers to the same questions, until its time is over."""
    found = Answers()
    if not python:
        found.note = "no Python with this peer was given (--peers)"
        return found
    notes: list[str] = []
    try:
        with Apart(module, python) as process:
            ready = _started(process, statement, settings, own_reader=True)
            _answer(process, ready, found, steps, settings, limit)
    except _ReaderOverdue:
        notes.append(f"its reader had not read the file within {settings.ready:.0f} s; given our clauses")
        try:
            with Apart(module, python) as process:
                ready = _started(process, statement, settings, own_reader=False)
                _answer(process, ready, found, steps, settings, limit)
        except (Overdue, Ended) as error:
            notes.append(_stopped(found, steps, error))
    except (Overdue, Ended) as error:
        notes.append(_stopped(found, steps, error))
    found.note = "; ".join(part for part in (found.note, *notes) if part)
    return found


class _ReaderOverdue(Exception):
    """The peer is still reading the file."""


def _started(process: Apart, statement: str, settings: Settings, *, own_reader: bool) -> dict[str, Any]:
    try:
        return process.ask({"statement": statement, "own_reader": own_reader}, settings.ready)
    except Overdue:
        if own_reader:
            raise _ReaderOverdue from None
        raise


def _stopped(found: Answers, steps: Sequence[dict[str, Any]], error: Exception) -> str:
    if isinstance(error, Ended):
        return f"ended: {error}"
    return f"stopped at its limit after {len(found.milliseconds)} of {len(steps)} ({error})"


def _answer(
    process: Apart,
    ready: dict[str, Any],
    found: Answers,
    steps: Sequence[dict[str, Any]],
    settings: Settings,
    limit: float,
) -> None:
    """Ask one question after the other. Raises Overdue when the time is over, and Ended."""
    if "refused" in ready:
        found.note = ready["refused"]
        return
    found.publish_s, found.note = ready["seconds"], ready["note"]
    left = settings.peer
    for step in steps:
        if left <= 0:
            raise Overdue(f"{settings.peer:.0f} s for all of them")
        question = {key: step[key] for key in ("fixed", "numbers", "offered")}
        try:
            answer = process.ask(question | {"seconds": limit}, limit + 5)
        except Overdue:
            found.milliseconds.append(limit * 1000)
            found.cut += 1
            raise
        found.milliseconds.append(answer["ms"])
        found.cut += "2" in answer["can"] or "2" in answer["cannot"]
        found.memory_mb = answer["memory_mb"]
        left -= answer["ms"] / 1000
        _compare(found, step, answer)


def _compare(found: Answers, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Choice by choice; what one of them did not settle (2) or was not asked (3) is not compared."""
    for side in ("can", "cannot"):
        for mine, other in zip(ours[side], theirs[side], strict=True):
            if other == "2":
                found.undecided += 1
            if mine < "2" and other < "2":
                found.compared += 1
                found.disagreements += mine != other


def _ratios(instance: str, engine: str, ours: Answers, theirs: Answers) -> Iterator[Row]:
    same = ours.milliseconds[: len(theirs.milliseconds)]
    least = f"; at least: {theirs.cut} of them were cut" if theirs.cut else ""
    for percent in (50, 90, 99):
        ratio = percentile(theirs.milliseconds, percent) / percentile(same, percent)
        note = f"to ours over the same {len(same)} answers{least}" if percent == 50 else ""
        yield Row(SUITE, instance, engine, f"p{percent}_ratio", ratio, "x", note)


def _figures(instance: str, engine: str, answers: Answers) -> Iterator[Row]:
    cut = f"{answers.cut} of them cut at their limit" if answers.cut else ""
    note = "; ".join(part for part in (f"{len(answers.milliseconds)} answers", cut, answers.note) if part)
    for percent in (50, 90, 99):
        value = percentile(answers.milliseconds, percent)
        yield Row(SUITE, instance, engine, f"p{percent}_ms", value, "ms", note if percent == 50 else "")
    yield Row(SUITE, instance, engine, "publish_s", answers.publish_s, "s")
    yield Row(SUITE, instance, engine, "memory_mb", answers.memory_mb, "MB")
    yield Row(SUITE, instance, engine, "undecided", answers.undecided, "count")
