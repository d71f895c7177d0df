"""The catalog page: what is published, a file to load, and what the analysis says of it before it is published."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_login import current_user

from catalog.file import SECTIONS
from catalog.load import Loaded, LoadedPart
from catalog.price import Basis
from catalog.problems import Problem, Refused
from configurator.app import settings
from configurator.auth import Role, company_id, requires
from configurator.errors import DomainError
from configurator.i18n import number
from configurator.modelling import pictures, services, submissions
from configurator.modelling.forms import FileForm, PicturesForm
from configurator.modelling.models import SubmissionState
from configurator.modelling.report import problem_from, sentence_from, translated
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


STEP_WORDS = {
    "": _l("Waiting for a free worker …"),
    "read": _l("Reading and checking the file …"),
    "compile": _l("Compiling options and rules …"),
    "options": _l("Looking for options that nobody can have …"),
    "rules": _l("Trying every rule against the others …"),
    "pairs": _l("Looking for options that need one another …"),
    "rows": _l("Trying the rows of tables …"),
    "count": _l("Counting the variants …"),
    "compare": _l("Comparing with what is published …"),
    "documents": _l("Looking at open quotes and saved configurations …"),
    "prices": _l("Comparing prices …"),
    "review": _l("Looking for variants that cannot be priced or made …"),
    "done": _l("Almost done …"),
}
UNSETTLED_WORDS = {
    "options": _l("Options and numbers"),
    "rules": _l("Whether a rule changes anything"),
    "pairs": _l("What an option needs"),
    "rows": _l("Rows of tables"),
    "count": _l("The number of variants"),
}
BASIS_WORDS = {Basis.NET: _l("before tax"), Basis.GROSS: _l("with tax")}
SUBMISSION_WORDS = {
    SubmissionState.OPEN: ("info", _l("Not decided")),
    SubmissionState.PUBLISHED: ("success", _l("Published")),
    SubmissionState.DISCARDED: ("neutral", _l("Discarded")),
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
        kinds=KIND_WORDS, states=STATE_WORDS, submissions=submissions.newest(company_id()),
        submission_words=SUBMISSION_WORDS,
    )


@bp.get("/pictures")
@requires(Role.MODELLER)
def picture_list() -> ResponseReturnValue:
    """The pictures of options: which are there, which are missing."""
    return _pictures_page(PicturesForm())


@bp.post("/pictures")
@requires(Role.MODELLER)
def keep_pictures() -> ResponseReturnValue:
    """Keep those of the files that are pictures."""
    form = PicturesForm()
    if not form.validate_on_submit():
        return _pictures_page(form), 422
    files = [(file.filename or "", file.read()) for file in form.files.data]
    kept = pictures.keep(company_id(), files, actor_id=current_user.id)
    if kept.new or kept.same:
        flash(ngettext("%(num)s picture is kept.", "%(num)s pictures are kept.", kept.new + kept.same), "success")
    if kept.faults:
        return _pictures_page(form, kept.faults), 422
    return redirect(url_for(".picture_list"), 303)


def _pictures_page(form: PicturesForm, faults: tuple[pictures.Fault, ...] = ()) -> str:
    return render_template(
        "modelling/pictures.html", form=form, pictures=pictures.pictures(company_id()),
        faults=[(one.name, translated(one.what), translated(one.expected)) for one in faults],
    )


# --- analysed first -------------------------------------------------------------------------------------------------


@bp.post("/submissions")
@requires(Role.MODELLER)
def submit() -> ResponseReturnValue:
    """Hand in a file for analysis; nothing is published."""
    form = FileForm()
    if not form.validate_on_submit():
        return _page(form), 422
    found = submissions.submit(
        company_id(), form.file.data.filename or "", form.file.data.read(), actor_id=current_user.id,
        seconds=settings().analysis_seconds,
    )
    return redirect(url_for(".submission", submission_id=found.id), 303)


@bp.get("/submissions/<int:submission_id>")
@requires(Role.MODELLER)
def submission(submission_id: int) -> ResponseReturnValue:
    """How far the analysis is, then its report."""
    found = submissions.submission(company_id(), submission_id)
    if request.headers.get("HX-Request"):
        if found.is_over:
            return "", 200, {"HX-Refresh": "true"}
        return render_template("modelling/_progress.html", one=found, steps=STEP_WORDS)
    return _submission_page(found)


@bp.get("/submissions/<int:submission_id>/rules.uvl")
@requires(Role.MODELLER)
def submitted_rules(submission_id: int) -> ResponseReturnValue:
    """The options and rules of a file that is not decided, as other tools read them."""
    code, text = submissions.rules_as_uvl(company_id(), submission_id)
    response = Response(text, mimetype="text/plain")
    response.headers["Content-Disposition"] = f'attachment; filename="{code}.uvl"'
    return response


@bp.post("/submissions/<int:submission_id>/cancel")
@requires(Role.MODELLER)
def cancel(submission_id: int) -> ResponseReturnValue:
    """Stop the analysis; what it has found so far is kept."""
    submissions.cancel(company_id(), submission_id)
    return redirect(url_for(".submission", submission_id=submission_id), 303)


@bp.post("/submissions/<int:submission_id>/publish")
@requires(Role.MODELLER)
def publish(submission_id: int) -> ResponseReturnValue:
    """Publish the file as it was analysed, checked once more."""
    try:
        loaded = submissions.publish(company_id(), submission_id, actor_id=current_user.id)
    except Refused as refused:
        found = submissions.submission(company_id(), submission_id)
        return _submission_page(found, problems=refused.problems), 422
    except DomainError as error:
        if error.status == 404:
            raise
        flash(error.message(), "error")
        return redirect(url_for(".submission", submission_id=submission_id), 303)
    for message, kind in _said(loaded):
        flash(message, kind)
    return redirect(url_for(".index"), 303)


@bp.post("/submissions/<int:submission_id>/discard")
@requires(Role.MODELLER)
def discard(submission_id: int) -> ResponseReturnValue:
    """Leave everything as it is."""
    submissions.discard(company_id(), submission_id, actor_id=current_user.id)
    flash(_("The file was discarded; what is published stays as it is."), "success")
    return redirect(url_for(".index"), 303)


def _submission_page(found: submissions.SubmissionView, *, problems: tuple[Problem, ...] = ()) -> str:
    report: dict[str, Any] = found.report or {}
    refused = problems or tuple(problem_from(one) for one in report.get("refused", ()))
    rows = [(one.line, one.field, translated(one.what), translated(one.expected)) for one in refused]
    return render_template(
        "modelling/submission.html", one=found, report=report, problems=rows, steps=STEP_WORDS,
        states=SUBMISSION_WORDS, said=lambda data: translated(sentence_from(data)),
        sections={name: str(words) for name, words in SECTION_WORDS.items()}, unsettled_words=UNSETTLED_WORDS,
        big=_big, instant=datetime.fromisoformat, bases=BASIS_WORDS,
    )


def _big(digits: str) -> str:
    """A whole number that may have a hundred digits."""
    if len(digits) <= 15:
        return number(int(digits))
    return f"{digits[0]}.{digits[1:3]} × 10^{len(digits) - 1}"


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
