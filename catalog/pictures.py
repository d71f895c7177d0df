"""Pictures of options: checked by what they contain, kept by their names, served by what they are.

A picture is no part of a revision: a better one takes the place of its namesake and changes no offer.
"""

import hashlib
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final
from xml.etree import ElementTree

from pydantic import Field as Bound
from sqlalchemy import CheckConstraint, LargeBinary
from sqlmodel import Field, Session, col, select

from catalog.document import read_document
from catalog.problems import N_, Sentence
from catalog.rows import CompanyRow, UtcDateTime, company_keys, unique_in_company, utc_now

FOLDER: Final = "pictures"  # beside the catalog files that name them
MOST_BYTES: Final = 300_000
MOST_PIXELS: Final = 4_000  # a side
NAME: Final = r"[a-z0-9][a-z0-9_-]{0,79}\.(svg|png|jpg|jpeg|webp)"
PictureName = Annotated[str, Bound(pattern=rf"^{NAME}$")]

_SVG: Final = "{http://www.w3.org/2000/svg}"
_SHAPES: Final = frozenset({
    "svg", "g", "defs", "symbol", "use", "title", "desc", "path", "rect", "circle", "ellipse", "line", "polyline",
    "polygon", "linearGradient", "radialGradient", "stop", "clipPath", "mask", "pattern",
})  # fmt: skip
_MOST_SHAPES: Final = 5_000
_ENDINGS: Final = {
    "image/svg+xml": ("svg",), "image/png": ("png",), "image/jpeg": ("jpg", "jpeg"), "image/webp": ("webp",),
}  # fmt: skip


class Picture(CompanyRow, table=True):
    """A picture by its name; `sha256` is of `data` and its address."""

    __table_args__ = company_keys(
        unique_in_company("name"),
        CheckConstraint("length(sha256) = 64", name="picture_sha256_length"),
        CheckConstraint(
            "media_type in ('image/svg+xml','image/png','image/jpeg','image/webp')", name="picture_media_type_known"
        ),
    )

    name: str = Field(max_length=90)
    sha256: str = Field(max_length=64, index=True)
    media_type: str = Field(max_length=20)
    data: bytes = Field(sa_type=LargeBinary)
    stored_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class NotAPicture(ValueError):
    """A file that is not stored: what is wrong with it and what was expected."""

    def __init__(self, what: str, expected: str, **values: object) -> None:
        self.what, self.expected = Sentence(what, values), Sentence(expected, values)
        super().__init__(f"{self.what}; expected {self.expected}")


def media_type_of(name: str, data: bytes) -> str:
    """What a file is by its content, which its name must not contradict. Raises NotAPicture."""
    if re.fullmatch(NAME, name) is None:
        raise NotAPicture(
            N_("this is no name of a picture"), N_("small letters, digits, - and _, and then .svg, .png, .jpg or .webp")
        )
    if len(data) > MOST_BYTES:
        raise NotAPicture(
            N_("the picture is too large"), N_("at most %(kilobytes)s kB"), kilobytes=MOST_BYTES // 1000
        )
    found, (width, height) = sides(data)
    if not 1 <= width <= MOST_PIXELS or not 1 <= height <= MOST_PIXELS:
        raise NotAPicture(
            N_("the picture is too large"), N_("from 1 to %(pixels)s pixels a side"), pixels=MOST_PIXELS
        )
    if name.rpartition(".")[2] not in _ENDINGS[found]:
        raise NotAPicture(
            N_("the file is not what its name says"), N_("a name that ends in .%(end)s"), end=_ENDINGS[found][0]
        )
    return found


def sides(data: bytes) -> tuple[str, tuple[float, float]]:
    """The media type by the first bytes, width and height."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR" and len(data) >= 24:
        return "image/png", struct.unpack(">II", data[16:24])
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg", _jpeg_sides(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp", _webp_sides(data)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<svg", b"<?xml", b"<!--")):
        return "image/svg+xml", _svg_sides(data)
    raise NotAPicture(N_("this is no picture"), N_("PNG, JPEG, WebP or SVG"))


def _jpeg_sides(data: bytes) -> tuple[int, int]:
    """From the first frame header among the segments."""
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise NotAPicture(N_("this JPEG file is damaged"), N_("a JPEG file with a frame"))


def _webp_sides(data: bytes) -> tuple[int, int]:
    """From the header of its first chunk, of whichever of the three kinds."""
    kind, body = data[12:16], data[20:30]
    if kind == b"VP8X" and len(body) == 10:
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and body[:1] == b"\x2f":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise NotAPicture(N_("this WebP file is damaged"), N_("a WebP file with an image"))


def _svg_sides(data: bytes) -> tuple[float, float]:
    """Of its view box. Only shapes are let through: nothing that runs, refers elsewhere or carries other content."""
    expected = N_("a plain SVG of shapes, with a viewBox, without scripts, styles and references")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or b"<?xml-stylesheet" in data or b"\0" in data:
        raise NotAPicture(N_("this SVG has declarations that a picture does not need"), expected)
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - there is no declaration in it that could expand
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise NotAPicture(N_("this is no SVG: %(said)s"), expected, said=str(error)[:100]) from error
    if root.tag != f"{_SVG}svg":
        raise NotAPicture(N_("this is no SVG: %(said)s"), expected, said=root.tag[:60])
    for count, element in enumerate(root.iter()):
        _refuse_active(element, expected)
        if count > _MOST_SHAPES:
            raise NotAPicture(N_("the picture has too many shapes"), N_("at most %(most)s"), most=_MOST_SHAPES)
    try:
        _left, _top, width, height = map(float, re.split(r"[\s,]+", root.get("viewBox", "").strip()))
    except ValueError:
        raise NotAPicture(N_("this SVG has no viewBox"), expected) from None
    return width, height


def _refuse_active(element: ElementTree.Element, expected: str) -> None:
    name = element.tag.removeprefix(_SVG) if isinstance(element.tag, str) else ""
    if name not in _SHAPES:
        raise NotAPicture(N_("<%(name)s> is not allowed in a picture"), expected, name=name[:40])
    for attribute, value in element.attrib.items():
        plain = attribute.rpartition("}")[2].lower()
        refers = plain == "href" and not value.startswith("#")
        reaches = re.search(r"url\s*\(\s*['\"]?(?!#)|javascript:|@import", value, re.IGNORECASE) is not None
        if plain.startswith("on") or plain in ("style", "base") or refers or reaches:
            raise NotAPicture(N_("%(name)s is not allowed in a picture"), expected, name=plain[:40])


# --- kept -------------------------------------------------------------------------------------------------------------


def store_picture(session: Session, company_id: int, name: str, data: bytes) -> bool:
    """Keep a picture under its name, in the place of an earlier one; whether it is new. Raises NotAPicture."""
    media_type, digest = media_type_of(name, data), hashlib.sha256(data).hexdigest()
    row = session.exec(select(Picture).where(Picture.company_id == company_id, Picture.name == name)).one_or_none()
    if row is not None and row.sha256 == digest:
        return False
    row = row or Picture(company_id=company_id, name=name, sha256="", media_type="", data=b"")
    row.sha256, row.media_type, row.data, row.stored_at = digest, media_type, data, utc_now()
    session.add(row)
    session.flush()
    return True


def pictures_of(session: Session, company_id: int) -> dict[str, str]:
    """Name -> SHA-256 of every picture that is kept."""
    rows = session.exec(select(Picture.name, Picture.sha256).where(Picture.company_id == company_id)).all()
    return dict(rows)


def picture_by_digest(session: Session, company_id: int, digest: str) -> tuple[str, bytes] | None:
    """Media type and content; None if there is no such picture (any more)."""
    query = select(Picture.media_type, Picture.data).where(Picture.company_id == company_id, Picture.sha256 == digest)
    return session.exec(query.order_by(col(Picture.id)).limit(1)).first()


def names_in(product: Mapping[str, Any]) -> Iterator[str]:
    """The pictures that the options of a product name, as its file says it."""
    components: Iterable[Mapping[str, Any]] = product.get("components") or ()
    for part in (product, *components):
        for group in part.get("groups") or ():
            for option in group.get("options") or ():
                if name := option.get("picture"):
                    yield str(name)


def beside(file: Path) -> dict[str, bytes]:
    """The pictures that the product of a (good) catalog file names and that lie in the folder beside it, by name."""
    data = read_document(file.read_bytes()).data
    named = dict.fromkeys(name for name in names_in(data.get("product") or {}) if re.fullmatch(NAME, name))
    folder = file.parent / FOLDER
    return {name: (folder / name).read_bytes() for name in named if (folder / name).is_file()}
