"""The catalog page: what is published, and a file to load."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from catalog.file import SECTIONS
from catalog.load import Loaded, LoadedPart
from catalog.problems import Problem, Refused, Sentence
from configurator.auth import Role, company_id, requires
from configurator.modelling import services
from configurator.modelling.forms import FileForm
from configurator.modelling.services import Kind, State

bp = Blueprint("modelling", __name__, url_prefix="/modelling")

KIND_WORDS = {
    Kind.PRODUCT: _l("Options and rules"),
    Kind.PRICES: _l("Prices"),
    Kind.MANUFACTURING: _l("How it is made"),
}
STATE_WORDS = {
    State.IN_FORCE: ("success", _l("In force")),
    State.LATER: ("info", _l("Valid later")),
    State.REPLACED: ("neutral", _l("Replaced")),
    State.WITHDRAWN: ("warning", _l("Withdrawn")),
    State.DRAFT: ("neutral", _l("Draft")),
}
SECTION_WORDS = {
    "product": _l("Product %(code)s"),
    "prices": _l("Price list %(code)s"),
    "manufacturing": _l("How %(code)s is made"),
    "factory": _l("Factory"),
}


@bp.get("/")
@requires(Role.MODELLER)
def index() -> ResponseReturnValue:
    return _page(FileForm())


@bp.post("/")
@requires(Role.MODELLER)
def load() -> ResponseReturnValue:
    form = FileForm()
    if not form.validate_on_submit():
        return _page(form), 422
    try:
        loaded = services.load_file(company_id(), form.file.data.read(), actor_id=current_user.id)
    except Refused as refused:
        return _page(form, problems=refused.problems, filename=form.file.data.filename or ""), 422
    for message, kind in _said(loaded):
        flash(message, kind)
    return redirect(url_for(".index"), 303)


def _page(form: FileForm, *, problems: tuple[Problem, ...] = (), filename: str = "") -> str:
    rows = [(one.line, one.field, translated(one.what), translated(one.expected)) for one in problems]
    return render_template(
        "modelling/index.html", form=form, problems=rows, filename=filename, published=services.published(company_id()),
        kinds=KIND_WORDS, states=STATE_WORDS,
    )


def _said(loaded: Loaded) -> list[tuple[str, str]]:
    """What became of each section, as sentences."""
    sentences = []
    for section in SECTIONS:
        part: LoadedPart | None = getattr(loaded, section)
        if part is None:
            continue
        name = str(SECTION_WORDS[section]) % {"code": part.code}
        if part.published:
            message = _("%(name)s: revision %(number)s is published.", name=name, number=part.number)
            sentences.append((message, "success"))
        else:
            message = _("%(name)s: nothing is new, revision %(number)s stays in force.", name=name, number=part.number)
            sentences.append((message, "info"))
    return sentences


def translated(sentence: Sentence) -> str:
    """A sentence of the catalog in the language of the request."""
    template = _(sentence.template) if sentence.template else ""
    values = {name: translated(v) if isinstance(v, Sentence) else v for name, v in sentence.values.items()}
    return template % values if values else template
