"""A file into a feature model, whichever of the known formats it has: FeatureIDE, UVL, or UVL in several files."""

from __future__ import annotations

from pathlib import Path

from catalog.feature_model import FeatureModel
from catalog.featureide import MAXIMUM_SIZE, read_featureide
from catalog.uvl import read_uvl_files
from catalog.uvl_files import MAXIMUM_ZIP, Archive, Folder, OneFile, main_of


def read_feature_file(path: Path, main: str | None = None, *, lenient: bool = False) -> FeatureModel:
    """The feature model of a FeatureIDE file (XML), of a UVL file with those that it imports, of a folder, or of a zip.

    `main`: which file of the folder or zip; without it the one that no other imports. Whatever is said of a UVL file
    names it by its path: in the folder or zip, or from where the one file lies. Raises ModelSyntaxError with every
    fault, NotSupported (see `read_uvl` for `lenient`), NotReadable or NoSuchFile.
    """
    if is_several(path):
        files = Folder(path) if path.is_dir() else Archive(_beginning(path, MAXIMUM_ZIP + 1))
        return read_uvl_files(files, main or main_of(files), lenient=lenient)
    if _is_xml(_beginning(path, 1_000)):
        return read_featureide(_beginning(path, MAXIMUM_SIZE + 1), lenient=lenient)
    return read_uvl_files(Folder(path.parent), path.name, lenient=lenient)


def read_feature_data(data: bytes, name: str, main: str | None = None) -> FeatureModel:
    """As `read_feature_file`, of the content of a file that is called `name`."""
    if _is_zip(data):
        files = Archive(data)
        return read_uvl_files(files, main or main_of(files))
    if _is_xml(data[:1_000]):
        return read_featureide(data)
    return read_uvl_files(OneFile(name, data), name)


def is_several(path: Path) -> bool:
    """Whether the path is a folder or a zip, of which `main` is one file."""
    return path.is_dir() or _is_zip(_beginning(path, 4))


def _is_zip(data: bytes) -> bool:
    return data[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def _is_xml(begins: bytes) -> bool:
    return begins.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<" or begins[:2] in (b"\xff\xfe", b"\xfe\xff")


def _beginning(path: Path, size: int) -> bytes:
    with path.open("rb") as opened:
        return opened.read(size)
