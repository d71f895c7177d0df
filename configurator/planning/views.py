"""The planner's board, an order's path and four dates, and searching for a better schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from catalog.rows import utc_now
from configurator import db
from configurator.auth import Role, company_id, requires
from configurator.errors import DomainError
from configurator.i18n import clock, moment, number, text_of
from configurator.jobs import JobState, request_cancel
from configurator.planning import board, grace, optimise, partners, searches, simulations
from configurator.planning import why as reasons
from configurator.planning.board import Lateness, PauseKind
from configurator.planning.charts import trade_off
from configurator.planning.forms import MarginsForm, SimulationForm, first_simulation
from configurator.planning.free_days import Trust, partners_plants
from configurator.planning.margins import margins_of, set_margins
from configurator.planning.models import OperationState, OrderState
from configurator.planning.options import options
from configurator.planning.progress import progress
from configurator.planning.transfers import TransferView, departures
from solver.scheduling.remedies import Kind
from solver.scheduling.why import Reason

bp = Blueprint("planning", __name__, url_prefix="/planning")

OPERATION_BADGES = {
    OperationState.PLANNED: ("neutral", "clock"),
    OperationState.STARTED: ("info", "play"),
    OperationState.FINISHED: ("success", "check"),
}
LATENESS_BADGES = {
    Lateness.IN_TIME: ("success", "check"),
    Lateness.NEAR_PROMISE: ("warning", "clock"),
    Lateness.BREAKS_PROMISE: ("danger", "warning"),
}
SPANS = {"day": 1, "three": 3, "week": 7}  # days that the board shows at once


def operation_word(state: OperationState) -> str:
    """An operation's state in words."""
    return {
        OperationState.PLANNED: _("Planned"), OperationState.STARTED: _("Running"),
        OperationState.FINISHED: _("Finished"),
    }[state]


def order_word(state: OrderState) -> str:
    """A manufacturing order's state in words."""
    return {
        OrderState.PLANNED: _("Planned"), OrderState.STARTED: _("In production"), OrderState.MADE: _("Made"),
        OrderState.CANCELLED: _("Cancelled"),
    }[state]


def lateness_word(lateness: Lateness) -> str:
    """How an order stands, in words."""
    return {
        Lateness.IN_TIME: _("On time"), Lateness.NEAR_PROMISE: _("Near its promise"),
        Lateness.BREAKS_PROMISE: _("Breaks its promise"),
    }[lateness]


def reason_word(reason: Reason) -> str:
    """What a piece of an order's way is spent on, in words."""
    return {
        Reason.WORK: _("It is made"), Reason.PAUSED: _("Paused while the line is closed"),
        Reason.WAIT: _("Has to rest"), Reason.TRANSPORT: _("On its way between plants"),
        Reason.PAST: _("Already gone by"), Reason.MATERIAL: _("Waits for material"),
        Reason.RESOURCE: _("Tool or people are busy"), Reason.SEQUENCE: _("Others pass first"),
        Reason.MAXIMUM_WAIT: _("Held back for its next operation"), Reason.LINE: _("The line makes other orders"),
        Reason.SETUP: _("The line is set up"), Reason.CLOSED: _("The line is closed"),
        Reason.BATCH: _("Waits for its batch"), Reason.PIN: _("Fixed by hand or frozen"),
        Reason.FREE: _("Could start earlier"),
    }[reason]


def remedy_word(kind: Kind) -> str:
    """A kind of remedy in words."""
    return {
        Kind.MOVE: _("Move operations"), Kind.PRECEDENCE: _("Let it go first"), Kind.OVERTIME: _("Overtime"),
        Kind.EXPEDITE: _("Get material sooner"), Kind.UNPIN: _("Unpin"), Kind.ELSEWHERE: _("Make it elsewhere"),
    }[kind]


def duration(span: timedelta) -> str:
    """A span of time in its two largest units, without a sign."""
    minutes = round(abs(span.total_seconds()) / 60)
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    if days and hours:
        return ngettext("%(num)s day %(hours)s h", "%(num)s days %(hours)s h", days, hours=hours)
    if days:
        return ngettext("%(num)s day", "%(num)s days", days)
    if hours and not minutes:
        return _("%(hours)s h", hours=hours)
    if hours:
        return _("%(hours)s h %(minutes)s min", hours=hours, minutes=minutes)
    return _("%(minutes)s min", minutes=minutes)


@bp.app_context_processor
def _planning_words() -> dict[str, Any]:
    return {
        "operation_word": operation_word, "order_word": order_word, "lateness_word": lateness_word,
        "operation_badge": lambda state: OPERATION_BADGES[state],
        "lateness_badge": lambda state: LATENESS_BADGES[state],
        "duration": duration, "seconds": lambda span: duration(timedelta(seconds=span)), "figure": number,
        "reports_itself": options().reports_itself, "board_url": _board_url, "day_of": _day_of,
        "last_day": lambda ends_at: ends_at - timedelta(seconds=1), "local_iso": _local_iso, "offset": _offset,
        "line_rows": _line_rows, "way_word": way_word,
        "reason_word": reason_word, "remedy_word": remedy_word, "rates": reasons.RATES,
        "grace_time": _grace_time, "duration_of": lambda minutes: duration(timedelta(minutes=minutes)),
    }


def _grace_time() -> timedelta:
    """How long a buyer can change an order before anything of it begins, at least."""
    with db.reading() as session:
        return timedelta(minutes=margins_of(session, company_id()).grace)


def _board_url(**asked: Any) -> str:
    """The board's address with these days."""
    kept = {"proposal": request.args.get("proposal", type=int), "order": request.args.get("order", type=int)}
    return url_for("planning.index", **{name: value for name, value in {**kept, **asked}.items() if value is not None})


def _day_of(instant: datetime, zone: str, days: int = 0) -> str:
    """The local day of an instant, or one some days later, for an address."""
    return (instant.astimezone(ZoneInfo(zone)).date() + timedelta(days=days)).isoformat()


def _local_iso(instant: datetime, zone: str) -> str:
    return instant.astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")


def _offset(instant: datetime, zone: str) -> str:
    """The zone's distance from UTC at an instant, `+08:00`."""
    return _local_iso(instant, zone)[-6:]


def _line_rows(lines: tuple[board.BoardLine, ...], ways: tuple[board.Way, ...]) -> list[dict[str, Any]]:
    """Plants with their lines, and after each what leaves it for other plants, as the timeline takes them."""
    plants: dict[int, dict[str, Any]] = {}
    for line in lines:
        plant = plants.setdefault(
            line.plant_id, {"id": f"plant-{line.plant_id}", "title": text_of(line.plant), "children": []}
        )
        plant["children"].append({"id": str(line.id), "title": text_of(line.name)})
    rows = []
    for plant_id, plant in plants.items():
        rows.append(plant)
        rows += [
            {"id": _way_id(way.origin_id, way.destination_id), "title": way_word(way.origin, way.destination)}
            for way in ways if way.origin_id == plant_id
        ]
    return rows


def way_word(origin: Mapping[str, str], destination: Mapping[str, str]) -> str:
    """From which plant to which, in words."""
    return _("%(origin)s to %(destination)s", origin=text_of(origin), destination=text_of(destination))


def _way_id(origin_id: int, destination_id: int) -> str:
    return f"way-{origin_id}-{destination_id}"


# --- the board --------------------------------------------------------------------------------------------------------


@bp.get("/")
@requires(Role.PLANNER)
def index() -> ResponseReturnValue:
    """Lines as rows, operations as bars, what is late at the side."""
    company, now = company_id(), utc_now()
    with db.reading() as session:
        zone = board.house_zone(session, company)
        starts_at, span = _asked_window(zone, now)
        proposal_id = request.args.get("proposal", type=int)
        plants = board.measures(session, company, now=now)
        return render_template(
            "planning/board.html", zone=zone, now=now, span=span, starts_at=starts_at,
            ends_at=starts_at + timedelta(days=SPANS[span]), days=SPANS[span], measures=plants,
            late=board.late_orders(session, company), near=board.near_of(session, company),
            lines=board.board_lines(session, company),
            searches={m.plant_id: searches.running(session, company, m.plant_id) for m in plants},
            proposal=searches.proposal(session, company, proposal_id) if proposal_id else None,
            ways=board.board_ways(session, company),
        )


@bp.get("/board.json")
@requires(Role.PLANNER)
def bars() -> ResponseReturnValue:
    """Bars and pauses that touch [start, end), for the timeline."""
    company, now = company_id(), utc_now()
    starts_at, ends_at = _instant("start"), _instant("end")
    if starts_at is None or ends_at is None or starts_at >= ends_at:
        abort(400)
    with db.reading() as session:
        zone = ZoneInfo(board.house_zone(session, company))
        found = board.window(
            session, company, starts_at, ends_at, now=now, proposal_id=request.args.get("proposal", type=int)
        )
    return jsonify([
        *(_bar(bar, zone) for bar in found.bars), *(_pause(pause, zone) for pause in found.pauses),
        *(_transfer_bar(transfer, zone, now) for transfer in found.transfers),
    ])


@bp.get("/operations")
@requires(Role.PLANNER)
def operations() -> ResponseReturnValue:
    """The same bars as a table."""
    company, now = company_id(), utc_now()
    with db.reading() as session:
        zone = board.house_zone(session, company)
        starts_at, span = _asked_window(zone, now)
        shown = board.window(session, company, starts_at, starts_at + timedelta(days=SPANS[span]), now=now)
        lines = board.board_lines(session, company)
    template = "planning/_operations.html" if request.headers.get("HX-Request") else "planning/operations.html"
    return render_template(template, window=shown, lines=lines, zone=zone, span=span, starts_at=starts_at, now=now)


def _asked_window(zone: str, now: datetime) -> tuple[datetime, str]:
    """The day (local to the house) that the address asks for, today by default, and how many days from it."""
    span = request.args.get("span", "three")
    try:
        day = datetime.fromisoformat(request.args.get("day", "")).date()
    except ValueError:
        day = now.astimezone(ZoneInfo(zone)).date()
    day = min(max(day, now.date() - timedelta(days=3650)), now.date() + timedelta(days=3650))
    local = datetime.combine(day, time(), tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC), span if span in SPANS else "three"


def _instant(name: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def _bar(bar: board.Bar, zone: ZoneInfo) -> dict[str, Any]:
    classes = ["bar", f"is-{bar.state}", f"order-{bar.order_id}"]
    if bar.lateness != Lateness.IN_TIME:
        classes.append(f"is-{bar.lateness.replace('_', '-')}")
    classes += ["is-pinned"] * bar.pinned + ["is-old"] * bar.is_old + ["is-new"] * bar.is_new
    where = f"{clock(bar.starts_at, str(zone))}–{clock(bar.ends_at, str(zone))}"
    words = [bar.number, text_of(bar.name), where, operation_word(bar.state)]
    if bar.lateness != Lateness.IN_TIME:
        words.append(lateness_word(bar.lateness))
    return {
        "id": f"{'new-' if bar.is_new else ''}{bar.operation_id}", "resourceIds": [str(bar.line_id)],
        "start": bar.starts_at.astimezone(zone).isoformat(), "end": bar.ends_at.astimezone(zone).isoformat(),
        "classNames": classes, "title": bar.number.rpartition("-")[2],
        "extendedProps": {
            "order": bar.order_id, "swatch": bar.swatch, "words": " · ".join(words),
            "address": url_for("planning.order", order_id=bar.order_id),
        },
    }


def _transfer_bar(transfer: TransferView, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """A part on its way, which belongs to the paths of both orders."""
    state = transfer.way(now)
    classes = ["bar", "is-transport", f"is-{state}", f"order-{transfer.part_order_id}", f"order-{transfer.order_id}"]
    where = f"{moment(transfer.leaves_at, str(zone))} – {moment(transfer.arrives_at, str(zone))}"
    words = [
        transfer.part_number, text_of(transfer.name), way_word(transfer.origin, transfer.destination), where,
        operation_word(state),
    ]
    if transfer.misses:
        classes.append("is-breaks-promise")
        words.append(_("Misses the transport"))
    return {
        "id": f"transfer-{transfer.part_order_id}",
        "resourceIds": [_way_id(transfer.origin_id, transfer.destination_id)],
        "start": transfer.leaves_at.astimezone(zone).isoformat(),
        "end": transfer.arrives_at.astimezone(zone).isoformat(), "classNames": classes,
        "title": transfer.part_number.rpartition("-")[2],
        "extendedProps": {
            "order": transfer.part_order_id, "words": " · ".join(words),
            "address": url_for("planning.order", order_id=transfer.part_order_id),
        },
    }


def _pause(pause: board.Pause, zone: ZoneInfo) -> dict[str, Any]:
    words = {
        PauseKind.CLOSED: _("Closed"), PauseKind.DOWNTIME: _("Downtime"), PauseKind.SETUP: _("Setup"),
        PauseKind.FROZEN: _("Frozen"), PauseKind.TAKEN: _("The partner's own"),
    }[pause.kind]
    return {
        "id": f"{pause.kind}-{pause.line_id}-{int(pause.starts_at.timestamp())}", "resourceIds": [str(pause.line_id)],
        "start": pause.starts_at.astimezone(zone).isoformat(), "end": pause.ends_at.astimezone(zone).isoformat(),
        "classNames": ["pause", f"is-{pause.kind}"], "title": "", "display": "background",
        "extendedProps": {"words": f"{words}: {pause.reason}" if pause.reason else words},
    }


# --- one order --------------------------------------------------------------------------------------------------------


@bp.get("/orders/<int:order_id>")
@requires(Role.PLANNER)
def order(order_id: int) -> ResponseReturnValue:
    """An order's whole path and its four dates: at the board's side, or as a page of its own."""
    with db.reading() as session:
        found = progress(session, company_id(), order_id)
        near = board.near_of(session, company_id())
    partial = bool(request.headers.get("HX-Request"))
    near = timedelta() if found.actual_at else near  # what is made is watched no longer
    lateness = board.lateness_of(found.forecast_at, found.dispatch_at, near)
    template = "planning/_order.html" if partial else "planning/order.html"
    return render_template(template, order=found, lateness=lateness)


@bp.get("/orders/<int:order_id>/why")
@requires(Role.PLANNER)
def why(order_id: int) -> ResponseReturnValue:
    """What an order's time is spent on, and what would help it: a part of its page, or a page of its own."""
    with db.reading() as session:
        found = reasons.why(session, company_id(), order_id)
        search = reasons.latest_search(session, company_id(), order_id)
    template = "planning/_why.html" if request.headers.get("HX-Request") else "planning/why.html"
    return render_template(template, why=found, search=search, order_id=order_id)


@bp.post("/orders/<int:order_id>/remedies")
@requires(Role.PLANNER)
def seek(order_id: int) -> ResponseReturnValue:
    """Start a search for what would help an order."""
    job_id = reasons.request_remedies(company_id(), order_id, actor_id=current_user.id)
    if request.headers.get("HX-Request"):
        return remedies(job_id)
    return redirect(url_for(".why", order_id=order_id, _anchor="remedies"))


@bp.get("/remedies/<int:search_id>")
@requires(Role.PLANNER)
def remedies(search_id: int) -> ResponseReturnValue:
    """How far such a search is; asks again by itself until it has ended."""
    with db.reading() as session:
        found = reasons.remedy_search(session, company_id(), search_id)
    return render_template("planning/_remedies.html", search=found, order_id=found.order_id)


@bp.post("/remedies/<int:search_id>/cancel")
@requires(Role.PLANNER)
def end_remedies(search_id: int) -> ResponseReturnValue:
    """End it; what it has found so far is kept."""
    with db.writing() as session:
        order_id = reasons.remedy_search(session, company_id(), search_id).order_id
        request_cancel(session, company_id(), search_id)
    if request.headers.get("HX-Request"):
        return remedies(search_id)
    return redirect(url_for(".why", order_id=order_id, _anchor="remedies"))


@bp.post("/remedies/<int:search_id>/<int:position>/propose")
@requires(Role.PLANNER)
def propose(search_id: int, position: int) -> ResponseReturnValue:
    """Make a remedy a proposal, to compare and publish."""
    try:
        proposal_id = reasons.propose(company_id(), search_id, position, actor_id=current_user.id)
    except DomainError as error:
        if error.status == 404:
            raise
        flash(error.message(), "error")
        with db.reading() as session:
            order_id = reasons.remedy_search(session, company_id(), search_id).order_id
        return redirect(url_for(".why", order_id=order_id, _anchor="remedies"))
    return redirect(url_for(".proposal", proposal_id=proposal_id))


@bp.get("/find")
@requires(Role.PLANNER)
def find() -> ResponseReturnValue:
    """The order of a number, or the board with a word about it."""
    number = request.args.get("number", "")[:40]
    with db.reading() as session:
        order_id = board.find_order(session, company_id(), number)
    if order_id is None:
        flash(_("There is no single order with the number “%(number)s”.", number=number), "warning")
        return redirect(url_for(".index"))
    return redirect(url_for(".index", order=order_id))


@bp.post("/orders/<int:order_id>/start")
@requires(Role.PLANNER)
def start_at_once(order_id: int) -> ResponseReturnValue:
    """End an order's grace: it is made as early as possible."""
    try:
        begins_at = grace.start_at_once(company_id(), order_id, actor_id=current_user.id)
    except grace.NoGrace as error:
        flash(error.message(), "error")
    else:
        with db.reading() as session:
            zone = progress(session, company_id(), order_id).plant_zone
        flash(_("It is made as early as possible and begins %(when)s.", when=moment(begins_at, zone)), "success")
    return redirect(url_for(".order", order_id=order_id))


# --- from plant to plant ----------------------------------------------------------------------------------------------


@bp.get("/transports")
@requires(Role.PLANNER, Role.OPERATOR)
def transports() -> ResponseReturnValue:
    """What leaves one plant for another one, departure by departure."""
    with db.reading() as session:
        found = departures(session, company_id(), now=utc_now())
    return render_template("planning/transports.html", departures=found)


# --- margins ----------------------------------------------------------------------------------------------------------


@bp.get("/margins")
@requires(Role.PLANNER)
def margins() -> ResponseReturnValue:
    """How much time is kept around a promise."""
    with db.reading() as session:
        form = MarginsForm(data=asdict(margins_of(session, company_id())))
    return render_template("planning/margins.html", form=form)


@bp.post("/margins")
@requires(Role.PLANNER)
def save_margins() -> ResponseReturnValue:
    """Keep them from now on."""
    form = MarginsForm()
    if not form.validate_on_submit():
        return render_template("planning/margins.html", form=form), 422
    set_margins(company_id(), form.margins(), actor_id=current_user.id)
    flash(_("Saved. What is promised from now on keeps to it."), "success")
    return redirect(url_for(".index"))


# --- partners ---------------------------------------------------------------------------------------------------------


TRUST_BADGES = {
    Trust.CURRENT: ("success", "check"), Trust.OUTDATED: ("danger", "warning"), Trust.INCOMPLETE: ("danger", "warning"),
    Trust.NOTHING: ("warning", "warning"),
}


def trust_word(trust: Trust) -> str:
    """Whether a partner's plant is promised in, in words."""
    return {
        Trust.CURRENT: _("Up to date"), Trust.OUTDATED: _("Outdated"), Trust.INCOMPLETE: _("Incomplete"),
        Trust.NOTHING: _("Nothing posted yet"),
    }[trust]


@bp.get("/partners")
@requires(Role.PLANNER)
def partner_plants() -> ResponseReturnValue:
    """What partners have free in their plants, how old that is, and what we have reserved there."""
    return _partners_page()


@bp.post("/partners/<int:plant_id>/key")
@requires(Role.PLANNER)
def partner_key(plant_id: int) -> ResponseReturnValue:
    """A new key for the partner's system, shown once; the one before ends."""
    return _partners_page(plant_id, partners.make_key(company_id(), plant_id, actor_id=current_user.id))


def _partners_page(plant_id: int | None = None, key: str = "") -> str:
    now = utc_now()
    with db.reading_one_view() as session:
        found = partners_plants(session, company_id(), now=now)
    return render_template(
        "planning/partners.html", plants=found, now=now, with_key=plant_id, key=key, trust_word=trust_word,
        trust_badges=TRUST_BADGES,
    )


# --- a better schedule ------------------------------------------------------------------------------------------------


@bp.post("/optimise")
@requires(Role.PLANNER)
def search() -> ResponseReturnValue:
    """Start a search for one plant."""
    plant_id = request.form.get("plant", type=int)
    if plant_id is None:
        abort(400)
    job_id = optimise.request_optimise(company_id(), plant_id, actor_id=current_user.id)
    if request.headers.get("HX-Request"):
        return job(job_id)
    return redirect(url_for(".index", _anchor=f"plant-{plant_id}"))


@bp.get("/jobs/<int:job_id>")
@requires(Role.PLANNER)
def job(job_id: int) -> ResponseReturnValue:
    """How far a search is; asks again by itself until it has ended."""
    with db.reading() as session:
        found = searches.search(session, company_id(), job_id)
    return render_template("planning/_search.html", search=found, JobState=JobState)


@bp.post("/jobs/<int:job_id>/cancel")
@requires(Role.PLANNER)
def cancel(job_id: int) -> ResponseReturnValue:
    """End a search; the best that it has found so far is kept."""
    with db.writing() as session:
        request_cancel(session, company_id(), job_id)
    if request.headers.get("HX-Request"):
        return job(job_id)
    return redirect(url_for(".index"))


@bp.get("/proposals/<int:proposal_id>")
@requires(Role.PLANNER)
def proposal(proposal_id: int) -> ResponseReturnValue:
    """A proposal beside the present schedule: figures, and every operation that would move."""
    with db.reading() as session:
        found = searches.proposal(session, company_id(), proposal_id)
        zone = board.house_zone(session, company_id())
    return render_template("planning/proposal.html", proposal=found, zone=zone)


@bp.post("/proposals/<int:proposal_id>/publish")
@requires(Role.PLANNER)
def publish(proposal_id: int) -> ResponseReturnValue:
    """Make it the schedule."""
    try:
        optimise.publish(company_id(), proposal_id, actor_id=current_user.id)
    except DomainError as error:
        if error.status == 404:
            raise
        flash(error.message(), "error")
        return redirect(url_for(".proposal", proposal_id=proposal_id))
    flash(_("The proposal is now the schedule."), "success")
    return redirect(url_for(".index"))


@bp.post("/proposals/<int:proposal_id>/discard")
@requires(Role.PLANNER)
def discard(proposal_id: int) -> ResponseReturnValue:
    """Leave the schedule as it is."""
    optimise.discard(company_id(), proposal_id, actor_id=current_user.id)
    flash(_("The proposal was discarded. The schedule stays as it is."), "success")
    return redirect(url_for(".index"))


# --- simulations ------------------------------------------------------------------------------------------------------


@bp.get("/simulations")
@requires(Role.PLANNER)
def simulation_list() -> ResponseReturnValue:
    """Start one, and those of before."""
    with db.reading() as session:
        form = first_simulation(simulations.suggested(session, company_id()))
    return _simulations_page(form)


def _simulations_page(form: SimulationForm) -> str:
    with db.reading() as session:
        found = simulations.latest(session, company_id())
        zone = board.house_zone(session, company_id())
    return render_template("planning/simulations.html", form=form, simulations=found, zone=zone)


@bp.post("/simulations")
@requires(Role.PLANNER)
def simulate() -> ResponseReturnValue:
    """Play these policies."""
    with db.reading() as session:
        form = SimulationForm().offer(simulations.suggested(session, company_id()))
    if not form.validate_on_submit():
        return _simulations_page(form), 422
    try:
        simulation_id = simulations.request_simulation(
            company_id(), form.setting(), form.tried(), actor_id=current_user.id
        )
    except simulations.NoDemand as error:
        form.plant.errors = [error.message()]
        return _simulations_page(form), error.status
    return redirect(url_for(".simulation", simulation_id=simulation_id), 303)


@bp.get("/simulations/<int:simulation_id>")
@requires(Role.PLANNER)
def simulation(simulation_id: int) -> ResponseReturnValue:
    """How far it is, or what came of it."""
    with db.reading() as session:
        found = simulations.simulation(session, company_id(), simulation_id)
        zone = board.house_zone(session, company_id())
        buffer = margins_of(session, company_id()).buffer
    template = "planning/_simulation.html" if request.headers.get("HX-Request") else "planning/simulation.html"
    return render_template(template, simulation=found, zone=zone, buffer=buffer, chart=trade_off(found.outcomes))


@bp.post("/simulations/<int:simulation_id>/cancel")
@requires(Role.PLANNER)
def end_simulation(simulation_id: int) -> ResponseReturnValue:
    """End it; the policies that were played to the end are kept."""
    with db.writing() as session:
        simulations.simulation(session, company_id(), simulation_id)
        request_cancel(session, company_id(), simulation_id)
    return redirect(url_for(".simulation", simulation_id=simulation_id), 303)


@bp.post("/simulations/<int:simulation_id>/<int:position>/adopt")
@requires(Role.PLANNER)
def adopt(simulation_id: int, position: int) -> ResponseReturnValue:
    """Keep the buffer of a policy from now on."""
    minutes = simulations.adopt(company_id(), simulation_id, position, actor_id=current_user.id)
    flash(
        _("The buffer is %(span)s from now on. What was promised before stays as it is.",
          span=duration(timedelta(minutes=minutes))),
        "success",
    )
    return redirect(url_for(".simulation", simulation_id=simulation_id), 303)
