"""A planner's and an operator's journey in a real browser: bars, a path, a better schedule, a line."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator

import pytest
from apiflask import APIFlask
from playwright.sync_api import Page, expect
from sqlmodel import col, select

from configurator import db
from configurator.jobs import Job, run_job
from configurator.planning.models import ManufacturingOperation, ManufacturingOrder
from tests.journeys.conftest import fits

# A short operation is a narrow bar; the table on the same page has the same link in full size (WCAG 2.5.8, equivalent).
BARS = ("target-size",)
Barriers = Callable[..., list[str]]
Visit = Callable[..., Page]


@pytest.fixture
def database_kind() -> str:
    """The browser does not know the database; the services are tested on both."""
    return "sqlite"


@pytest.fixture
def worker(app: APIFlask) -> Iterator[None]:
    """A job worker without the durable engine: it does what waits."""
    stop = threading.Event()

    def work() -> None:
        with app.app_context():
            while not stop.wait(0.2):
                with db.reading() as session:
                    waiting = session.exec(select(Job.id).where(Job.state == "queued")).all()
                for job_id in waiting:
                    run_job(job_id or 0)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(timeout=30)


@pytest.mark.parametrize(("width", "lang"), [(1280, "en"), (390, "zh")])
def test_the_board_shows_the_lines_and_an_orders_path(
    house: int, visit: Visit, barriers: Barriers, width: int, lang: str
) -> None:
    page = visit("/planning/?span=three", width=width, lang=lang, roles=("planner",))
    bars = page.locator(".timeline .bar")
    expect(bars.nth(30)).to_be_attached()
    expect(page.locator(".timeline .ec-now-indicator")).to_have_count(1)
    assert page.locator(".timeline .ec-draggable").count() == 0  # read-only
    assert fits(page)
    with db.reading() as session:
        row = session.exec(
            select(ManufacturingOrder).where(ManufacturingOrder.state == "planned").order_by(
                col(ManufacturingOrder.completes_at))
        ).first()
        assert row is not None
        steps = session.exec(
            select(ManufacturingOperation).where(ManufacturingOperation.order_id == row.id)
        ).all()
    bar = page.locator(f".timeline .bar.order-{row.id}").first
    bar.locator("a").focus()
    expect(bar).to_have_class(re.compile(r"(^|\s)lit(\s|$)"))
    bar.locator("a").press("Enter")
    panel = page.locator("#order")
    expect(panel.get_by_role("heading", name=row.number)).to_be_visible()
    expect(panel.locator(".path li")).to_have_count(len(steps))
    expect(panel.locator(".dates dt")).to_have_count(4)
    expect(page.locator(".timeline .bar.chosen").nth(1)).to_be_attached()  # the path lights up across the lines
    page.locator("details.as-table summary").click()
    expect(page.locator("#operations")).to_be_visible()
    assert barriers(page, without=BARS) == []
    assert fits(page)


def test_without_scripts_the_table_is_the_board(house: int, visit: Visit) -> None:
    page = visit("/planning/", scripts=False, roles=("planner",))
    page.locator("details.as-table summary").click()
    page.locator("details.as-table a").click()
    expect(page.locator("#operations tbody tr").first).to_be_visible()
    page.locator("#operations a").first.click()
    expect(page.locator(".path li").first).to_be_visible()


def test_a_better_schedule_is_searched_stopped_compared_and_published(
    house: int, visit: Visit, barriers: Barriers, worker: None
) -> None:
    page = visit("/planning/", roles=("planner",))
    plant = page.locator(".plant").filter(has_text="Wuxi")
    plant.get_by_role("button", name="Find a better schedule").click()
    expect(plant.locator("progress")).to_be_visible()
    assert barriers(page, without=BARS) == []
    expect(plant.get_by_text("Best so far:")).to_be_visible()
    plant.get_by_role("button", name="Stop, keep the best so far").click()
    expect(plant.locator("progress")).to_have_count(0)
    decide = plant.get_by_role("link", name="Compare and decide")
    expect(decide.or_(plant.get_by_text("No better schedule was found")).first).to_be_visible()
    if decide.count() == 0:
        return
    decide.click()
    expect(page.get_by_role("heading", name="A better schedule for Wuxi plant")).to_be_visible()
    assert barriers(page) == []
    page.get_by_role("link", name="See it on the board").click()
    expect(page.locator(".timeline .bar.is-new").first).to_be_attached()
    page.go_back()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("The proposal is now the schedule.")).to_be_visible()


@pytest.mark.parametrize(("width", "lang"), [(1280, "zh"), (390, "en")])
def test_an_operator_starts_and_finishes_at_a_line(
    house: int, visit: Visit, barriers: Barriers, width: int, lang: str
) -> None:
    with db.writing() as session:  # nothing runs on the line that is next to paint
        row = session.exec(
            select(ManufacturingOperation).where(
                ManufacturingOperation.operation == "coat", ManufacturingOperation.state == "planned"
            ).order_by(col(ManufacturingOperation.starts_at))
        ).first()
        assert row is not None
        for other in session.exec(select(ManufacturingOperation).where(
            ManufacturingOperation.line_id == row.line_id, ManufacturingOperation.state == "started"
        )).all():
            other.state, other.finished_at = "finished", other.ends_at
    page = visit("/floor/", width=width, lang=lang, roles=("operator",))
    assert barriers(page) == [] and fits(page)
    page.locator(f'a[href="/floor/lines/{row.line_id}"]').click()
    expect(page.locator(".task.ready").first).to_be_visible()
    assert barriers(page) == [] and fits(page)
    page.locator(".task.ready button").first.click()
    expect(page.locator(".task.running")).to_be_visible()
    assert barriers(page) == [] and fits(page)
    page.locator(".task.running button").click()
    expect(page.locator(".task.running")).to_have_count(0)
