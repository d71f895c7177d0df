"""The shop floor: one line, one page - now, next three, big; start and finish."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from configurator import db
from configurator.auth import Role, company_id, requires
from configurator.errors import DomainError, NotFound
from configurator.planning import reports, workplace

bp = Blueprint("floor", __name__, url_prefix="/floor")


@bp.get("/")
@requires(Role.OPERATOR)
def index() -> ResponseReturnValue:
    """Choose a line."""
    with db.reading() as session:
        lines = workplace.line_statuses(session, company_id())
    return render_template("planning/floor.html", lines=lines)


@bp.get("/lines/<int:line_id>")
@requires(Role.OPERATOR)
def line(line_id: int) -> ResponseReturnValue:
    """What is made here now, and what comes next."""
    with db.reading() as session:
        tasks = workplace.line_tasks(session, company_id(), line_id)
    return render_template("planning/floor_line.html", tasks=tasks)


@bp.post("/lines/<int:line_id>/operations/<int:operation_id>/start")
@requires(Role.OPERATOR)
def start(line_id: int, operation_id: int) -> ResponseReturnValue:
    """The operation begins."""
    try:
        reports.start_operation(company_id(), operation_id, actor_id=current_user.id)
    except DomainError as error:
        return _refused(line_id, error)
    flash(_("Started."), "success")
    return redirect(url_for(".line", line_id=line_id))


@bp.post("/lines/<int:line_id>/operations/<int:operation_id>/finish")
@requires(Role.OPERATOR)
def finish(line_id: int, operation_id: int) -> ResponseReturnValue:
    """The operation has ended."""
    try:
        reports.finish_operation(company_id(), operation_id, actor_id=current_user.id)
    except DomainError as error:
        return _refused(line_id, error)
    flash(_("Finished."), "success")
    return redirect(url_for(".line", line_id=line_id))


def _refused(line_id: int, error: DomainError) -> ResponseReturnValue:
    """Back to the line, with the reason."""
    if isinstance(error, NotFound):
        raise error
    flash(error.message(), "error")
    return redirect(url_for(".line", line_id=line_id))
