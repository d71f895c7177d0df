"""The form that takes a catalog file."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired, MultipleFileField
from wtforms import SubmitField


class FileForm(FlaskForm):
    file = FileField(
        _l("Catalog file"), [FileRequired(_l("Please choose a file."))],
        description=_l("YAML, at most 2 MiB: a product, its prices, how it is made, the factory, or several of them."),
    )
    analyse = SubmitField(_l("Check and analyse"))
    submit = SubmitField(_l("Check and publish at once"))


class PicturesForm(FlaskForm):
    files = MultipleFileField(
        _l("Pictures"), [FileRequired(_l("Please choose a file."))],
        description=_l(
            "SVG, PNG, JPEG or WebP of at most 300 kB, by the names that the catalog file gives them. They are shown "
            "four to three."
        ),
    )
