"""Instances that others made are read as they were meant: judged schedules have the values that are published."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solver.scheduling.check import violations
from solver.scheduling.problem import Fixing, Placement, RouteId, Second
from solver.scheduling.schedule import Schedule, evaluate
from tests.benchmarks.peers.cpsat_shop import solve
from tests.benchmarks.scheduling.factory import full_problem
from tests.benchmarks.scheduling.formats import COMPANY, NotReadable, read_shop
from tests.benchmarks.scheduling.instances import bench_folder, best_known, instances, read_instance, scheduling_folder
from tests.benchmarks.scheduling.plain import SetupTable, family_id, line_id, operation_id
from tests.benchmarks.scheduling.promising import variants
from tests.benchmarks.scheduling.race import gap_percent, judged
from tests.benchmarks.scheduling.shops import answer_of, bench, made_shop, plain_shop, shop_problem, snapshot_problem
from tests.benchmarks.scheduling.statement import rows_of, schedule_of, statement

FLEXIBLE = "2 2 1.5\n2 1 1 3 2 1 4 2 5\n1 1 2 6\n"
BY_JOB = FLEXIBLE + "0 1\n2 0\n0 7\n8 0\n"
BY_OPERATION = FLEXIBLE + "9 1 99\n2 9 99\n99 99 9\n9 99 99\n99 9 3\n99 4 9\n"
FLOW = "3\n2\n{}1 2\n3 4\n5 6\n"
LATE = "2\t3\nProcessing times: \n1\t2\n3\t4\n5\t6\nRoutes of jobs: \n2\t1\n1\t2\n2\t1\nDue dates: \n7\t\n8\t\n9\t\n"
shared = pytest.mark.skipif(not scheduling_folder().is_dir(), reason="the instances made by others are not here")
generators = pytest.mark.skipif(not bench_folder().is_dir(), reason="the generators made by others are not here")


def written(folder: Path, text: str, name: str = "one.txt", parent: str = "some") -> Path:
    (folder / parent).mkdir(exist_ok=True)
    (folder / parent / name).write_text(text)
    return folder / parent / name


@pytest.mark.parametrize(("text", "parent", "kind"), [
    (FLEXIBLE, "any", "fjsp"), (BY_JOB, "any", "fjsp_sdst"), (BY_OPERATION, "any", "fjsp_sdst"),
    ("2 2\n0 5 1 6\n1 7 0 8\n", "any", "jsp"), (LATE, "any", "jsp_tardiness"),
    (FLOW.format("2 1\n"), "any", "HFSP"), (FLOW.format("9 9 9\n"), "any", "TT-PFSP"),
    (FLOW.format("4\n"), "any", "DPFSP"), (FLOW.format(""), "any", "PMP"), (FLOW.format(""), "NPFSP", "NPFSP"),
    (FLOW.format(""), "PFSP", "PFSP"), (FLOW.format("") + "0 1 2\n" * 6, "any", "SDST-PFSP"),
    ("2\n2\n1 2\n5 6\n0 7\n8 8\n", "FJSP", "FJSP"),
    ("2\n2\n5 6\n7 8\n2 1\n1 2\n", "any", "JSP"),
])
def test_a_file_is_recognised_by_what_is_in_it(tmp_path: Path, text: str, parent: str, kind: str) -> None:
    instance = read_instance(written(tmp_path, text, parent=parent))
    assert instance.kind == kind
    assert instance.goal == ("tardiness" if kind in ("TT-PFSP", "jsp_tardiness") else "makespan")
    assert len(instance.problem().orders) == len(instance.shop.jobs)


def test_setups_by_job_and_by_operation_are_told_apart(tmp_path: Path) -> None:
    by_job = read_instance(written(tmp_path, BY_JOB)).shop
    by_operation = read_instance(written(tmp_path, BY_OPERATION)).shop
    assert [step.family for job in by_job.jobs for step in job.steps] == [0, 0, 1]
    assert [step.family for job in by_operation.jobs for step in job.steps] == [0, 1, 2]
    assert by_job.tables[1].tolist() == [[0, 7], [8, 0]]
    assert by_operation.tables[1].tolist() == [[0, 0, 0], [0, 9, 3], [0, 4, 9]]  # operation 0 is not made on machine 2


def test_machines_may_be_numbered_from_0(tmp_path: Path) -> None:
    shop = read_instance(written(tmp_path, "1 2\n2 1 0 3 2 0 4 1 5\n")).shop
    assert [list(step.modes) for step in shop.jobs[0].steps] == [[(0, 3)], [(0, 4), (1, 5)]]


def test_a_job_of_several_factories_goes_to_one_of_them(tmp_path: Path) -> None:
    problem = read_instance(written(tmp_path, FLOW.format("2\n"))).problem()
    assert problem.orders[0].routes == (RouteId("R0"), RouteId("R1"))
    assert problem.same_sequence == ((line_id(0), line_id(1)), (line_id(2), line_id(3)))


def test_times_of_a_job_with_a_due_date_stand_by_machine(tmp_path: Path) -> None:
    shop = read_instance(written(tmp_path, LATE)).shop
    assert [list(step.modes) for step in shop.jobs[0].steps] == [[(1, 2)], [(0, 1)]]
    assert [job.due for job in shop.jobs] == [7, 8, 9]


def test_a_company_s_tasks_of_one_number_may_run_side_by_side(tmp_path: Path) -> None:
    tables = (
        "Job,Task,Sequence,Usable_Machines,Pieces\n0,0,0,[0 1],100\n0,1,1,[0],50\n0,2,1,[1],50\n0,3,2,[1],9\n",
        "Machine,RunSpeed\n0,10\n1,3\n",
        ",0_0,0_1,0_2,0_3\n0_0,-1,-1,-1,-1\n0_1,4,-1,5,-1\n0_2,6,7,-1,-1\n0_3,-1,8,9,-1\n",
    )
    for name, text in zip(COMPANY, tables, strict=True):
        (tmp_path / name).write_text(text)
    kind, shop = read_shop(tmp_path)
    steps = shop.jobs[0].steps
    assert kind == "company"
    assert [list(step.modes) for step in steps] == [[(0, 10), (1, 34)], [(0, 5)], [(1, 17)], [(1, 3)]]
    assert [step.after for step in steps] == [[], [0], [0], [1, 2]]
    assert shop.tables[0][0].tolist() == [9, 4, 6, 9]  # 0_1 after 0_0 takes 4; nothing comes directly where it says -1


@pytest.mark.parametrize("text", ["", "3 3\n1 1 1 5\n", "2 1\n1 1 1 5 9\n1 1 1 5\n", FLEXIBLE + "1 2 3\n", "a b\n",
                                  "1 1\n1 1 7 5\n", "4\n4\n1 2\n"])
def test_a_file_of_no_known_format_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(NotReadable):
        read_instance(written(tmp_path, text))


def test_files_of_one_name_are_called_by_their_folders(tmp_path: Path) -> None:
    written(tmp_path, FLOW.format("2 1\n"), "1.txt", "HFSP")
    written(tmp_path, FLOW.format(""), "1.txt", "PMP")
    written(tmp_path, FLEXIBLE, "mine.fjs", "fjsp")
    assert [one.name for one in instances(tmp_path, "flowshop")] == ["HFSP_1", "PMP_1"]
    assert [one.name for one in instances(tmp_path, "fjsp")] == ["mine"]
    assert not list(instances(tmp_path, "flowshop", ["SDST*"]))


def test_best_values_are_found_by_name_in_several_lists(tmp_path: Path) -> None:
    lists = tmp_path / "bks"
    lists.mkdir()
    (lists / "fjsp_instances.json").write_text(json.dumps([
        {"name": "e-la21", "path": "hurink/edata/la21.txt", "optimum": None, "bounds": {"upper": 1010}},
        {"name": "mk01", "path": "brandimarte/mk01.txt", "optimum": 40},
    ]))
    (lists / "scheduleopt_fjsp_bks.json").write_text(json.dumps([{"instance": "la21_edata", "upper_bound": 1009}]))
    (lists / "pyjobshop_bks.csv").write_text("problem,category,instance,bks\nPMP,R,7.txt,117\n")
    assert best_known(tmp_path / "hurink_edata__la21.fjs", "fjsp", lists) == 1009
    assert best_known(tmp_path / "hurink_edata" / "la21.fjs", "fjsp", lists) == 1009
    assert best_known(tmp_path / "hurink_rdata__la21.fjs", "fjsp", lists) is None
    assert best_known(tmp_path / "brandimarte__mk01.fjs", "fjsp", lists) == 40
    assert best_known(tmp_path / "PMP" / "7.txt", "PMP", lists) == 117
    assert best_known(tmp_path / "PMP" / "7.txt", "HFSP", lists) is None


def test_published_tardiness_is_found_by_row_and_no_result_is_none(tmp_path: Path) -> None:
    (tmp_path / "results_Lawrence_Liao_Gurobi.csv").write_text("11.0 1 0.1\n-1 1 0.1\n")
    assert best_known(tmp_path / "gla01.txt", "jsp_tardiness", tmp_path) == 11
    assert best_known(tmp_path / "gla02.txt", "jsp_tardiness", tmp_path) is None
    assert best_known(tmp_path / "gta01.txt", "jsp_tardiness", tmp_path) is None


def test_a_setup_table_is_a_mapping() -> None:
    table = SetupTable([family_id(0), family_id(1)], np.array([[0, 5], [6, 0]], dtype=np.int64))
    assert dict(table) == {("F0", "F0"): 0, ("F0", "F1"): 5, ("F1", "F0"): 6, ("F1", "F1"): 0}
    assert table.get((family_id(7), family_id(0)), 0) == 0


# --- a peer's optimum through our judge: the peer reads the statement, our judge the problem -----------------------


@pytest.mark.parametrize(("text", "parent", "value"), [
    (FLEXIBLE, "fjsp", 9.0),  # machine 1: 3, then machine 2: 5 after the other's 6 - or 4 on machine 1
    (FLOW.format("1 2\n"), "HFSP", 13.0), (FLOW.format(""), "PMP", 6.0), (FLOW.format(""), "PFSP", 13.0),
    (FLOW.format("2\n"), "DPFSP", 11.0),
])
def test_what_a_peer_proves_is_what_our_judge_says(tmp_path: Path, text: str, parent: str, value: float) -> None:
    instance = read_instance(written(tmp_path, text, parent=parent))
    rows, bound = solve(statement(instance), 10.0)
    answer = judged(instance, {"rows": rows, "seconds": 0.0}, float(bound or 0))
    assert answer.note == ""
    assert answer.objective == answer.bound
    schedule = schedule_of(instance, rows)
    assert sorted(rows_of(schedule)) == sorted(tuple(row) for row in rows)


@pytest.mark.parametrize("text", [BY_JOB, BY_OPERATION, LATE])
def test_setups_and_due_dates_mean_the_same_to_a_peer(tmp_path: Path, text: str) -> None:
    instance = read_instance(written(tmp_path, text))
    rows, bound = solve(statement(instance), 10.0)
    answer = judged(instance, {"rows": rows, "seconds": 0.0}, float(bound or 0))
    assert (answer.note, answer.objective) == ("", answer.bound)


def test_a_schedule_that_breaks_a_rule_counts_as_none(tmp_path: Path) -> None:
    instance = read_instance(written(tmp_path, FLEXIBLE))
    answer = judged(instance, {"rows": [(0, 0, 0, 0), (0, 1, 0, 2), (1, 0, 1, 0)], "seconds": 0.0}, 0.0)
    assert answer.objective != answer.objective  # not a number
    assert "violations" in answer.note


def test_a_gap_over_a_best_of_nothing_is_a_number() -> None:
    assert gap_percent(110, 100) == pytest.approx(10)
    assert gap_percent(0, 0) == 0


@shared
def test_instances_with_published_optima_are_solved_to_them() -> None:
    for name, optimum in (("fattahi__mfjs05", 514), ("brandimarte__mk01", 40)):
        instance = next(iter(instances(scheduling_folder(), "fjsp", [name])))
        assert instance.best == optimum
        rows, _ = solve(statement(instance), 20.0)
        assert judged(instance, {"rows": rows, "seconds": 0.0}, 0.0).objective == optimum


@shared
def test_every_visible_instance_is_read() -> None:
    found = {suite: [one.name for one in instances(scheduling_folder(), suite)]
             for suite in ("fjsp", "fjsp_sdst", "tardiness", "flowshop")}
    assert [len(names) for names in found.values()] == [15, 7, 3, 9]


# --- shops that generators make --------------------------------------------------------------------------------------


def placed(shop: dict[str, Any], schedule: Sequence[Sequence[int]]) -> Schedule:
    names = [operation_id(j, k) for j, order in enumerate(shop["orders"]) for k in range(len(order["operations"]))]
    return Schedule.of(Placement(names[n], line_id(m), Second(s), Second(e)) for n, m, s, e in schedule)


@generators
def test_a_planted_schedule_is_judged_as_its_maker_says() -> None:
    shop, schedule = bench("planted").generate(300, 4)
    problem, answer = shop_problem(shop), placed(shop, schedule)
    assert not violations(problem, answer)
    assert evaluate(problem, answer).makespan == shop["optimum"]


@generators
def test_a_dispatched_shop_is_judged_as_by_the_generators_judge() -> None:
    shop = made_shop("shop", 60, 5, 0.84)
    baseline, judge = bench("baseline"), bench("judge")
    schedule = baseline.best_of_25(baseline.load_shop(shop), shop["objective"])[0].rows()
    problem, answer = shop_problem(shop), placed(shop, schedule)
    verdict, found = judge.judge(shop, schedule), evaluate(problem, answer)
    assert not violations(problem, answer) and not verdict.violations
    assert (found.tardiness, found.makespan, found.setup_seconds) == (
        verdict.weighted_tardiness, verdict.makespan, verdict.total_setup,
    )


SNAPSHOT: dict[str, Any] = {
    "now": 100, "transport": [[0, 90], [90, 0]], "setups": [[[0, 4], [5, 0]]],
    "lines": [{"name": "a", "stage": 0, "plant": 0, "setup": 0, "initial": 1, "free": 95},
              {"name": "b", "stage": 1, "plant": 1, "setup": 0, "initial": 0, "free": 0}],
    "orders": [
        [40, None, 300, [[1, [0], [10], [0, 95, 105]], [0, [1], [20]]]],
        [90, 0, 400, [[0, [1], [30]]]],
        [100, None, None, [[0, [0], [10]], [1, [1], [15]]]],
    ],
    "schedule": [[0, 0, 95, 105], [1, 1, 215, 235], [2, 1, 180, 210]],
}


@generators
def test_a_snapshot_is_a_book_that_keeps_all_rules() -> None:
    problem, schedule, new = snapshot_problem(SNAPSHOT)
    assert not violations(problem, schedule)
    assert [fixing for fixing, _ in problem.fixed.values()] == [Fixing.FROZEN, Fixing.FINISHED]
    assert len(new.operations) == 2 and new.promise is None
    rows = [[3, 0, 110, 120], [4, 1, 239, 254]]
    more = {operation_id(2, n - 3): Placement(operation_id(2, n - 3), line_id(m), Second(s), Second(e))
            for n, m, s, e in rows}
    answer = answer_of(SNAPSHOT, Schedule({**schedule.placements, **more}))
    assert answer == SNAPSHOT["schedule"] + rows
    assert bench("rolling").judge(SNAPSHOT, answer).violations == []


def test_the_way_to_another_plant_counts_for_an_order_that_is_on_its_way() -> None:
    problem, schedule, _ = snapshot_problem(SNAPSHOT)
    early = Placement(operation_id(1, 0), line_id(1), Second(179), Second(209))
    wrong = violations(problem, Schedule({**schedule.placements, early.operation: early}))
    assert [violation.subject for violation in wrong] == [operation_id(1, 0)]


@generators
def test_a_full_factory_has_all_that_a_plain_shop_lacks() -> None:
    shop = made_shop("shop", 200, 1, 0.84)
    problem = full_problem(shop, 3)
    assert problem == full_problem(shop, 3)
    assert sum(line.batch > 0 for line in problem.lines) == 3 and sum(line.unlimited for line in problem.lines) == 1
    assert {o.running for order in problem.orders for o in order.operations} >= {"breaks", "whole", "unattended"}
    joins = [o for order in problem.orders for o in order.operations if len(o.predecessors) == 2]
    assert 30 < len(joins) < 100
    needed = {need.material for order in problem.orders for o in order.operations for need in o.materials}
    assert needed == {material.id for material in problem.materials}
    taken = sum(1 for order in problem.orders for o in order.operations if o.materials)
    assert taken == sum(m.stock + sum(q for _, q in m.arrivals) for m in problem.materials)


@generators
def test_forty_variants_of_an_order_differ_in_their_work() -> None:
    order = shop_problem(made_shop("shop", 20, 1, 0.8)).orders[3]
    made = variants(order)
    assert len(made) == 40
    assert len({sum(o.modes[0].duration for o in each.operations) for each in made}) > 1
    assert all(each.operations[1].predecessors[0].operation == each.operations[0].id for each in made)


@generators
def test_a_made_shop_is_stated_with_its_own_families_and_plants() -> None:
    made = made_shop("shop", 10, 2, 0.8)
    shop = plain_shop(made)
    problem = shop_problem(made)
    assert [line.initial_family for line in problem.lines] == [family_id(f) for f in shop.initial]
    assert {line.plant for line in problem.lines} == {"P0", "P1"}
    assert [t.seconds for t in problem.transports] == [90, 90]
