"""Compiled revisions are kept beside their revision and as files; what cannot be used is made again, once."""

from __future__ import annotations

import multiprocessing
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from catalog import keep
from catalog.compiled import CompiledRevision
from catalog.keep import Keeping, replace_row, to_row
from catalog.load import load_catalog
from catalog.offer import Offer, current_offer, forget_offers, keep_offers, offer_of
from catalog.products import ProductContent, ProductRevision
from catalog.state import state
from configurator import db
from configurator.db import Database
from configurator.modelling.compiling import rebuild_missing
from solver.configuration.compile import CompiledProblem, compile_problem
from solver.configuration.problem import Choose, ConfigurationProblem, GroupId, OptionId
from solver.configuration.session import valid_domains
from tests.catalog.small import LAMP, broken

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
NOW = datetime(2026, 3, 10, 20, tzinfo=UTC)


class Counting:
    """Compiles, and says how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, problem: ConfigurationProblem) -> CompiledProblem:
        self.times += 1
        return compile_problem(problem)


@pytest.fixture
def lamp(database: Database, company_id: int) -> tuple[int, ConfigurationProblem]:
    """The id of the published revision, and its problem."""
    with database.writing() as session:
        load_catalog(session, company_id, LAMP, loaded_at=NOW)
    with database.reading() as session:
        row = session.exec(select(ProductRevision)).one()
        return row.id or 0, state(ProductContent.from_data(row.content))


def got(database: Database, company_id: int, lamp: tuple[int, ConfigurationProblem], keeping: Keeping) -> keep.Kept:
    with database.reading() as session:
        return keeping.get(session, company_id, *lamp)


def row_of(database: Database) -> CompiledRevision:
    with database.reading() as session:
        return session.exec(select(CompiledRevision)).one()


def put(file: Path, data: bytes) -> None:
    """Another file of this name: the old one may still be mapped."""
    file.unlink()
    file.write_bytes(data)


def domains(compiled: CompiledProblem) -> object:
    return valid_domains(compiled, (Choose(GroupId("colour"), OptionId("blue")),))


def test_publishing_keeps_it_beside_the_revision_with_what_it_found(
    database: Database, company_id: int, lamp: tuple[int, ConfigurationProblem]
) -> None:
    row = row_of(database)
    assert row.product_revision_id == lamp[0] and row.version == keep.FORMAT
    assert row.facts["variables"] >= 3 and row.facts["compiled_share"] <= 1
    counting = Counting()
    kept = got(database, company_id, lamp, Keeping(compile=counting))
    assert counting.times == 0 and not kept.made
    assert domains(kept.compiled) == domains(compile_problem(lamp[1]))


def test_a_refused_file_keeps_nothing(database: Database, company_id: int) -> None:
    from catalog.problems import Refused

    with database.writing() as session, pytest.raises(Refused):
        load_catalog(session, company_id, broken("takes: [tube]}", "takes: []}"), loaded_at=NOW)
    with database.reading() as session:
        assert session.exec(select(CompiledRevision)).all() == []


def test_a_file_is_made_from_the_row_once_and_mapped_from_then_on(
    database: Database, company_id: int, lamp: tuple[int, ConfigurationProblem], tmp_path: Path
) -> None:
    counting = Counting()
    keeping = Keeping(tmp_path / "kept", compile=counting)
    first = got(database, company_id, lamp, keeping)
    (file,) = (tmp_path / "kept").glob(f"*{keep.SUFFIX}")
    assert first.size == file.stat().st_size
    with database.writing() as session:
        session.delete(session.get_one(CompiledRevision, row_of(database).id))
    second = got(database, company_id, lamp, keeping)
    assert counting.times == 0
    assert domains(second.compiled) == domains(first.compiled)
    assert [path.suffix for path in (tmp_path / "kept").iterdir() if path.suffix == ".part"] == []


@pytest.mark.parametrize("place", [0, 25, 200, -1])
def test_a_damaged_file_is_made_again_from_the_row(
    database: Database, company_id: int, lamp: tuple[int, ConfigurationProblem], tmp_path: Path, place: int
) -> None:
    counting = Counting()
    keeping = Keeping(tmp_path, compile=counting)
    good = got(database, company_id, lamp, keeping)
    (file,) = tmp_path.glob(f"*{keep.SUFFIX}")
    data = bytearray(file.read_bytes())
    data[place] ^= 0x40
    put(file, bytes(data))
    again = got(database, company_id, lamp, keeping)
    assert counting.times == 0 and domains(again.compiled) == domains(good.compiled)
    assert file.read_bytes() != bytes(data)


@pytest.mark.parametrize("cut", [0, 10, 300])
def test_a_file_that_ends_too_early_is_made_again(
    database: Database, company_id: int, lamp: tuple[int, ConfigurationProblem], tmp_path: Path, cut: int
) -> None:
    keeping = Keeping(tmp_path)
    good = got(database, company_id, lamp, keeping)
    (file,) = tmp_path.glob(f"*{keep.SUFFIX}")
    put(file, file.read_bytes()[:cut])
    assert domains(got(database, company_id, lamp, keeping).compiled) == domains(good.compiled)


@pytest.mark.parametrize("harm", ["byte", "version", "problem"])
def test_a_row_that_cannot_be_used_is_compiled_again_and_mended_in_the_background(
    database: Database, company_id: int, lamp: tuple[int, ConfigurationProblem], harm: str
) -> None:
    with database.writing() as session:
        row = session.get_one(CompiledRevision, row_of(database).id)
        if harm == "byte":
            row.data = row.data[:-1] + bytes([row.data[-1] ^ 1])
        elif harm == "version":
            row.version = keep.FORMAT + 1
        else:
            row.problem_sha256 = "0" * 64
    counting = Counting()
    kept = got(database, company_id, lamp, Keeping(compile=counting))
    assert (counting.times, kept.made) == (1, True)
    assert domains(kept.compiled) == domains(compile_problem(lamp[1]))
    if harm == "problem":  # a revision never changes: the chore has no reason to look
        return
    assert rebuild_missing() == 1 and rebuild_missing() == 0
    assert not got(database, company_id, lamp, Keeping(compile=counting)).made and counting.times == 1


def test_a_revision_from_before_gets_its_row_in_the_background(
    database: Database, company_id: int, lamp: tuple[int, ConfigurationProblem]
) -> None:
    with database.writing() as session:
        session.delete(session.get_one(CompiledRevision, row_of(database).id))
    assert rebuild_missing() == 1
    assert row_of(database).product_revision_id == lamp[0]


def test_a_row_is_replaced_and_never_doubled(
    database: Database, company_id: int, lamp: tuple[int, ConfigurationProblem]
) -> None:
    with database.writing() as session:
        replace_row(session, to_row(company_id, lamp[0], compile_problem(lamp[1])))
    assert row_of(database).product_revision_id == lamp[0]


def test_a_disk_that_cannot_be_written_costs_the_copy_and_not_the_answer(
    database: Database, company_id: int, lamp: tuple[int, ConfigurationProblem], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keep.os, "replace", full)
    kept = got(database, company_id, lamp, Keeping(tmp_path))
    assert domains(kept.compiled) == domains(compile_problem(lamp[1]))
    assert [*tmp_path.glob(f"*{keep.SUFFIX}"), *tmp_path.glob("*.part")] == []


def _need(
    lamp: tuple[int, ConfigurationProblem], company_id: int, folder: Path, together: Any, said: Any
) -> None:
    """In a process of its own: the kept form, as soon as the other one needs it, too."""
    db.database().forget_connections()

    def slowly(problem: ConfigurationProblem) -> CompiledProblem:
        said.put("made")
        time.sleep(0.5)
        return compile_problem(problem)

    together.wait(timeout=30)
    with db.reading() as session:
        Keeping(folder, compile=slowly).get(session, company_id, lamp[0], lamp[1])
    said.put("done")
    os._exit(0)


def test_processes_that_need_the_same_one_at_once_make_it_once(
    database: Database, company_id: int, lamp: tuple[int, ConfigurationProblem], tmp_path: Path
) -> None:
    with database.writing() as session:
        session.delete(session.get_one(CompiledRevision, row_of(database).id))
    context = multiprocessing.get_context("fork")
    together, said = context.Barrier(2), context.SimpleQueue()
    processes = [
        context.Process(target=_need, args=(lamp, company_id, tmp_path, together, said)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert sorted(said.get() for _ in range(3)) == ["done", "done", "made"] and said.empty()


def test_an_offer_uses_the_kept_form(
    database: Database, company_id: int, lamp: tuple[int, ConfigurationProblem], tmp_path: Path
) -> None:
    keep_offers(tmp_path / "compiled", offers=64, megabytes=512)
    try:
        forget_offers()
        with database.reading() as session:
            offer = current_offer(session, company_id, "lamp", today=NOW.date())
        (file,) = (tmp_path / "compiled").glob(f"*{keep.SUFFIX}")
        assert offer.size == file.stat().st_size
    finally:
        keep_offers(None, offers=64, megabytes=512)


def test_the_least_used_offers_are_given_up_when_they_are_too_many_or_too_large(
    database: Database, company_id: int, lamp: tuple[int, ConfigurationProblem]
) -> None:
    with database.writing() as session:
        load_catalog(session, company_id, broken("en: Shade}", "en: Lampshade}"), loaded_at=NOW)

    def offers() -> list[Offer]:
        with database.reading() as session:
            new = current_offer(session, company_id, "lamp", today=NOW.date())
            key = (new.price_list_revision_id, new.manufacturing_revision_id)
            return [offer_of(session, company_id, lamp[0], *key), new]

    forget_offers()
    try:
        keep_offers(None, offers=2, megabytes=512)
        first = offers()
        assert all(one is other for one, other in zip(offers(), first, strict=True))
        for count, megabytes in ((1, 512), (2, 0)):
            forget_offers()
            keep_offers(None, offers=count, megabytes=megabytes)
            assert offers()[1] is not offers()[1]
    finally:
        keep_offers(None, offers=64, megabytes=512)
        forget_offers()
