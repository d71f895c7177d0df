"""Where the files of a UVL model lie: in a folder, or in a zip. Only what a model imports is read, within limits."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import IO, Final
from zipfile import BadZipFile, ZipFile, ZipInfo

from catalog.feature_model import Fault, UvlSyntaxError
from catalog.uvl import NoSuchFile, imports_of
from catalog.uvl_text import MAXIMUM_SIZE

MAXIMUM_BYTES: Final = MAXIMUM_SIZE  # of a file
MAXIMUM_ZIP: Final = 2_000_000  # bytes
MAXIMUM_ENTRIES: Final = 10_000  # of a folder, or of a zip


class NotReadable(ValueError):
    """A folder or a zip that no model can be read from. The words say why."""


class WhichFile(NotReadable):
    """It is not clear which file is the main one: `files` are those that no other imports."""

    def __init__(self, files: tuple[str, ...]) -> None:
        shown = ", ".join(files[:10]) + (", ..." if len(files) > 10 else "")
        super().__init__(f"which file is the main one? No other imports {shown}" if files else "there is no .uvl file")
        self.files = files


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on disk. What leads out of it, by a link too, is not read."""

    root: Path

    def paths(self) -> tuple[str, ...]:
        """Every .uvl in it and below; raises NotReadable if there is too much."""
        found = list(islice(self.root.rglob("*"), MAXIMUM_ENTRIES + 1))
        if len(found) > MAXIMUM_ENTRIES:
            raise NotReadable(f"the folder has more than {MAXIMUM_ENTRIES:,} files and folders")
        return _models(path.relative_to(self.root).as_posix() for path in found if path.is_file())

    def text(self, path: str) -> str:
        """What the file says; raises NoSuchFile, or UvlSyntaxError if it is no text."""
        root = self.root.resolve()
        file = (root / path).resolve()
        if not file.is_relative_to(root):
            raise NoSuchFile(f"{path} leads out of the folder")
        if not file.is_file():
            raise NoSuchFile(f"there is no file {path}")
        try:
            with file.open("rb") as opened:
                return _text(path, opened)
        except OSError as error:
            raise NoSuchFile(f"{path} cannot be read: {error.strerror}") from None


@dataclass(frozen=True, slots=True)
class OneFile:
    """A file that came by itself: what it imports is not there."""

    name: str
    data: bytes

    def text(self, path: str) -> str:
        """What the file says; raises NoSuchFile, or UvlSyntaxError if it is no text."""
        if path != self.name:
            raise NoSuchFile(f"there is no file {path}: send them together, in a zip")
        return _text(path, BytesIO(self.data))


class Archive:
    """A zip. Raises NotReadable if it is none, or too large."""

    def __init__(self, data: bytes) -> None:
        if len(data) > MAXIMUM_ZIP:
            raise NotReadable(f"a zip has at most {MAXIMUM_ZIP // 1_000_000} MB")
        try:
            self._zip = ZipFile(BytesIO(data))
        except (BadZipFile, ValueError, OSError, NotImplementedError):
            raise NotReadable("this is no zip, or a damaged one") from None
        entries = self._zip.infolist()
        if len(entries) > MAXIMUM_ENTRIES:
            raise NotReadable(f"the zip has more than {MAXIMUM_ENTRIES:,} entries")
        self._entries: dict[str, ZipInfo] = {one.filename.replace("\\", "/"): one for one in entries}

    def paths(self) -> tuple[str, ...]:
        """Every .uvl in it."""
        return _models(self._entries)

    def text(self, path: str) -> str:
        """What the file says; raises NoSuchFile, or UvlSyntaxError if it is no text."""
        entry = self._entries.get(path)
        if entry is None:
            raise NoSuchFile(f"there is no file {path}")
        try:
            with self._zip.open(entry) as opened:
                return _text(path, opened)
        except (BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError, ValueError):
            raise NoSuchFile(f"{path} cannot be read: it is damaged, locked or packed in an unknown way") from None


def main_of(files: Folder | Archive) -> str:
    """The file that no other imports; raises WhichFile if it is not the only one."""
    paths = files.paths()
    imported = {path for each in paths for path in imports_of(files.text(each), each)}
    found = tuple(path for path in paths if path not in imported)
    if len(found) != 1:
        raise WhichFile(found or paths)
    return found[0]


def _models(paths: Iterable[str]) -> tuple[str, ...]:
    hidden = ("__MACOSX/", ".")
    return tuple(sorted(path for path in paths if path.lower().endswith(".uvl") and not path.startswith(hidden)))


def _text(path: str, opened: IO[bytes]) -> str:
    data = opened.read(MAXIMUM_BYTES + 1)
    if len(data) > MAXIMUM_BYTES:
        raise NoSuchFile(f"{path} has more than {MAXIMUM_BYTES:,} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UvlSyntaxError((Fault(line, "this is no text in UTF-8", path),)) from None
