"""How a peer talks: first the statement, then a question a line. Only the peer's own work is timed."""

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol


class Refused(ValueError):
    """The peer cannot state this model; the words say why."""


class Question(NamedTuple):
    """`fixed`: decisions as signed literals (literal + 1, or minus that).

    `numbers`: large numbers that were entered, each as the number and its position among the values. `offered`: for
    each literal whether it was still possible before the last decision. `seconds`: the time there is.
    """

    fixed: Sequence[int]
    numbers: dict[int, tuple[int, int]]
    offered: Sequence[bool]
    seconds: float


class Peer(Protocol):
    """An engine: its answer is, for each choice, whether a complete configuration has it and whether one has not.

    1 yes, 0 no, 2 not settled in the time, 3 not asked.
    """

    note: str

    def answer(self, question: Question) -> tuple[Sequence[int], Sequence[int]]: ...


def serve(make: Callable[[dict[str, Any]], Peer]) -> None:
    """Answer until the questions end."""
    asked = json.loads(sys.stdin.readline())
    with open(asked["statement"], encoding="utf-8") as file:
        statement = json.load(file)
    if not asked["own_reader"]:
        statement["path"] = None
    start = time.perf_counter()
    try:
        peer = make(statement)
    except Refused as refusal:
        _say({"refused": str(refusal)})
        return
    _say({"seconds": time.perf_counter() - start, "note": peer.note})
    for line in sys.stdin:
        asked = json.loads(line)
        numbers = {int(number): tuple(entered) for number, entered in asked["numbers"].items()}
        offered = [letter == "1" for letter in asked["offered"]]
        question = Question(asked["fixed"], numbers, offered, asked["seconds"])
        start = time.perf_counter()
        can, cannot = peer.answer(question)
        seconds = time.perf_counter() - start
        _say({"ms": seconds * 1000, "can": _letters(can), "cannot": _letters(cannot), "memory_mb": memory_mb()})


def answer_each(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer a question a line until they end; a fault is an answer too (`error`), and the next question follows."""
    for line in sys.stdin:
        try:
            said = answer(json.loads(line))
        except Exception as error:  # the suite says where it was and goes on
            words = str(error).splitlines()[0][:300] if str(error) else ""
            said = {"error": f"{type(error).__name__}: {words}"}
        _say(said)


def memory_mb() -> float:
    """The most memory that this process had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _letters(flags: Sequence[int]) -> str:
    return "".join(map(str, flags))


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
