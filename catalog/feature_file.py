"""A file of bytes into a feature model, whichever of the known formats it has."""

from __future__ import annotations

from catalog.feature_model import Fault, FeatureModel, UvlSyntaxError
from catalog.featureide import read_featureide
from catalog.uvl import MAXIMUM_SIZE, read_uvl


def read_feature_file(data: bytes, *, lenient: bool = False) -> FeatureModel:
    """The feature model of a FeatureIDE (XML) or a UVL file, told apart by how it begins; a UVL file is UTF-8.

    Raises ModelSyntaxError with every fault, or NotSupported (see `read_uvl` for `lenient`).
    """
    if data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<" or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return read_featureide(data, lenient=lenient)
    try:
        text = data[: 4 * MAXIMUM_SIZE + 4].decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UvlSyntaxError((Fault(line, "this is no text in UTF-8"),)) from None
    return read_uvl(text, lenient=lenient)
