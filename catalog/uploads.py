"""Files that somebody sends with a configuration: what they are by their content, and how a configuration names them.

They are never shown, only kept and handed out again; what could act when it is opened is refused all the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

from catalog.pictures import NotAPicture, sides
from catalog.products import FileKind, ProductContent, UploadContent
from solver.configuration.problem import Variant

MEGABYTE: Final = 1_000_000
_NAME: Final = 100  # characters
MAXIMUM_ANSWER: Final = 180  # characters of `SentFile.answer`
ENDINGS: Final[dict[FileKind, tuple[str, ...]]] = {
    "pdf": ("pdf",), "png": ("png",), "jpeg": ("jpg", "jpeg"), "svg": ("svg",),
}  # fmt: skip
_ACTIVE: Final = frozenset({
    "script", "foreignobject", "iframe", "object", "embed", "audio", "video", "handler", "listener", "set", "animate",
    "animatetransform", "animatemotion",
})  # fmt: skip
_REACHES: Final = re.compile(
    r"javascript\s*:|@import|url\s*\(\s*['\"]?\s*(?![#'\"\s]|data:image/(png|jpeg))", re.IGNORECASE
)


class NotTaken(ValueError):
    """A file that is not kept. `fault`: `empty`, `too_large`, `kind`, `damaged` or `active`; `found`: what it is."""

    def __init__(self, fault: str, found: FileKind | None = None) -> None:
        super().__init__(fault, found)
        self.fault, self.found = fault, found


@dataclass(frozen=True, slots=True)
class SentFile:
    """The answer to an upload as a configuration keeps it. `size`: bytes."""

    token: str
    size: int
    name: str

    @property
    def answer(self) -> str:
        """In one line of text; `sent_file` reads it back."""
        return f"{self.token} {self.size} {self.name}"

    def __str__(self) -> str:
        """For people: `logo.pdf (120 kB)`."""
        return f"{self.name} ({size_words(self.size)})"


def sent_file(answer: str) -> SentFile | None:
    """The file that an answer names; None if it names none."""
    found = re.fullmatch(r"([\w-]{10,40}) (\d{1,9}) (.{1,120})", answer)
    return SentFile(found[1], int(found[2]), found[3]) if found else None


def files_of(product: ProductContent, variant: Variant) -> tuple[tuple[UploadContent, SentFile], ...]:
    """The files of a variant, each with its question."""
    return files_among(product, variant.texts)


def files_among(product: ProductContent, texts: Mapping[str, str]) -> tuple[tuple[UploadContent, SentFile], ...]:
    """The files among what was typed and sent, each with its question."""
    found = ((content, sent_file(texts.get(content.id, ""))) for content in product.uploads)
    return tuple((content, file) for content, file in found if file is not None)


def size_words(size: int) -> str:
    """Bytes as `120 kB` or `2.4 MB`."""
    return f"{-(-size // 1000):,} kB" if size < MEGABYTE else f"{size / MEGABYTE:.1f} MB"


def kind_accepted(content: UploadContent, data: bytes) -> FileKind:
    """What a file is, if it is one that the product asks for. Raises NotTaken."""
    if not data:
        raise NotTaken("empty")
    if len(data) > content.most_megabytes * MEGABYTE:
        raise NotTaken("too_large")
    kind = _kind_of(data)
    if kind not in content.kinds:
        raise NotTaken("kind", kind)
    if kind == "svg":
        _refuse_active(data)
    elif not _whole(kind, data):
        raise NotTaken("damaged", kind)
    return kind


def plain_name(name: str, kind: FileKind) -> str:
    """A file's name without folders and signs that do not show, ending in what the file is."""
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in last)
    stem = " ".join(shown.split()).strip(". ")
    ending = stem.rpartition(".")[2].lower()
    if ending in ENDINGS[kind] and "." in stem:
        return f"{stem.rpartition('.')[0][:_NAME].strip() or 'file'}.{ending}"
    return f"{stem[:_NAME].strip() or 'file'}.{ENDINGS[kind][0]}"


def _kind_of(data: bytes) -> FileKind | None:
    if data.startswith(b"%PDF-"):
        return "pdf"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return "svg" if start.startswith((b"<svg", b"<?xml", b"<!--", b"<!DOCTYPE svg")) and b"<svg" in data else None


def _whole(kind: FileKind, data: bytes) -> bool:
    """Whether a file has its end, and a picture its sides."""
    if kind == "pdf":
        return b"%%EOF" in data[-2048:]
    if kind == "png" and b"IEND" not in data[-64:]:
        return False
    try:
        return all(side > 0 for side in sides(data)[1])
    except NotAPicture:
        return False


def _refuse_active(data: bytes) -> None:
    """An SVG must be well-formed and have nothing in it that runs or reaches elsewhere. Raises NotTaken."""
    if b"<!ENTITY" in data or b"<?xml-stylesheet" in data or re.search(rb"<!DOCTYPE[^>]*\[", data):
        raise NotTaken("active", "svg")
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - there is no declaration in it that could expand
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise NotTaken("damaged", "svg") from error
    if _plain(root.tag) != "svg":
        raise NotTaken("kind")
    for element in root.iter():
        if _plain(element.tag) in _ACTIVE or _REACHES.search(element.text or "") or _acts(element.attrib):
            raise NotTaken("active", "svg")


def _acts(attributes: dict[str, str]) -> bool:
    return any(
        _plain(name).startswith("on")
        or (_plain(name) in ("href", "src") and not re.match(r"#|data:image/(png|jpeg)[;,]", value.strip()))
        or (_plain(name) != "href" and _REACHES.search(value))
        for name, value in attributes.items()
    )


def _plain(name: object) -> str:
    """A tag or attribute without its name space, in small letters; "" for what is no element."""
    return name.rpartition("}")[2].lower() if isinstance(name, str) else ""
