"""Compiled revisions kept: in the database beside their revision, on this machine's disk as files to map, or made anew.

A file is named by what was compiled and by the format, and appears whole or not at all. Processes that need the same
one at once wait for the first; whatever is missing, damaged or of another format is compiled again.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from sqlmodel import Session, select

from catalog.compiled import CompiledRevision
from solver.configuration.artifact import FORMAT, NotUsable, fingerprint, from_bytes, to_bytes
from solver.configuration.compile import CompiledProblem, compile_problem
from solver.configuration.problem import ConfigurationProblem

SUFFIX: Final = ".compiled"


@dataclass(frozen=True, slots=True)
class Kept:
    """A compiled problem, how many bytes it is mapped from, and whether it had to be made now."""

    compiled: CompiledProblem
    size: int
    made: bool = False


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where compiled revisions are kept besides their rows: files in `folder` (None: in no file).

    Rows are written where a revision is published, and by the worker where one is missing; never by a click.
    """

    folder: Path | None = None
    compile: Callable[[ConfigurationProblem], CompiledProblem] = field(default=compile_problem)

    def get(
        self, session: Session, company_id: int, product_revision_id: int, problem: ConfigurationProblem
    ) -> Kept:
        """The compiled form of a revision, from the nearest place that has it.

        Raises solver.configuration.compile.VoidProblem if it cannot be compiled; a loaded catalog file always can.
        """
        digest = fingerprint(problem)
        if self.folder is None:
            return self._from_row(session, company_id, product_revision_id, problem, digest, None)
        file = self.folder / f"{digest}-{FORMAT}{SUFFIX}"
        if (found := _mapped(problem, file, digest)) is not None:
            return found
        with _locked(file):
            if (found := _mapped(problem, file, digest)) is not None:  # somebody else has made it meanwhile
                return found
            return self._from_row(session, company_id, product_revision_id, problem, digest, file)

    def _from_row(
        self,
        session: Session,
        company_id: int,
        product_revision_id: int,
        problem: ConfigurationProblem,
        digest: str,
        file: Path | None,
    ) -> Kept:
        row = session.exec(
            select(CompiledRevision).where(
                CompiledRevision.company_id == company_id, CompiledRevision.product_revision_id == product_revision_id
            )
        ).one_or_none()
        if row is not None and is_fresh(row) and row.problem_sha256 == digest:
            try:
                kept = self._kept(problem, row.data, file, digest)
            except NotUsable:
                pass
            else:
                return kept
        data = to_bytes(self.compile(problem), digest=digest)
        kept = self._kept(problem, data, file, digest)
        return Kept(kept.compiled, kept.size, made=True)

    def _kept(self, problem: ConfigurationProblem, data: bytes, file: Path | None, digest: str) -> Kept:
        if file is not None:
            _write(file, data)
            if (found := _mapped(problem, file, digest)) is not None:
                return found
        return Kept(from_bytes(problem, data, digest=digest), len(data))


def to_row(company_id: int, product_revision_id: int, compiled: CompiledProblem) -> CompiledRevision:
    """The row that keeps a compiled revision."""
    digest = fingerprint(compiled.problem)
    data = to_bytes(compiled, digest=digest)
    return CompiledRevision(
        company_id=company_id,
        product_revision_id=product_revision_id,
        version=FORMAT,
        problem_sha256=digest,
        sha256=hashlib.sha256(data).hexdigest(),
        data=data,
        facts=asdict(compiled.facts),
    )


def is_fresh(row: CompiledRevision | None) -> bool:
    """Whether this program can use the row."""
    return row is not None and row.version == FORMAT and _sound(row)


def replace_row(session: Session, row: CompiledRevision) -> None:
    """Keep this row in the place of the one that its revision has, in the caller's transaction."""
    old = session.exec(
        select(CompiledRevision)
        .where(CompiledRevision.company_id == row.company_id)
        .where(CompiledRevision.product_revision_id == row.product_revision_id)
        .with_for_update()
    ).one_or_none()
    if old is not None:
        session.delete(old)
        session.flush()
    session.add(row)
    session.flush()


def _sound(row: CompiledRevision) -> bool:
    return hashlib.sha256(row.data).hexdigest() == row.sha256


def _mapped(problem: ConfigurationProblem, file: Path, digest: str) -> Kept | None:
    """The file as it lies on the disk, shared by all processes; None if there is none that can be used."""
    try:
        with file.open("rb") as stream:
            data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return Kept(from_bytes(problem, memoryview(data), digest=digest), len(data))
    except (OSError, ValueError):  # missing, empty, damaged, of another format
        return None


def _write(file: Path, data: bytes) -> None:
    """Atomically: the name is there once all bytes are. A disk that is full costs the copy, not the answer."""
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.stem, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(name, file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError:
        return


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Held by one process (and thread) at a time; given back by the system if it dies."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with (file.parent / f"{file.stem}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
