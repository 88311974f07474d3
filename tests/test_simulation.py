"""The simulation of docs/SCALE.md counts right: where a formula says what comes out, that comes out."""

from __future__ import annotations

import json
import math
import random
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

from simulate_lecture import (
    FILE,
    Campus,
    Frame,
    Recognizers,
    ServerProcess,
    ServiceTimes,
    Timeline,
    main,
    simulate,
)

RECORDED = json.loads(FILE.read_text(encoding="utf-8"))["frames"]


def fixed(milliseconds: float) -> ServiceTimes:
    """Every frame takes as long as any other."""
    rows = [
        {"kind": "second", "size": [1280, 720], "faces": faces, "milliseconds": [milliseconds]} for faces in (0, 30)
    ]
    return ServiceTimes(rows, "second")


def served(seconds: float, rate: float, frames: int, *, cores: int = 1, **limits: Any) -> tuple[list[float], int]:
    """Latencies of frames that come by a Poisson process to one server process, and how many were refused."""
    timeline, rng = Timeline(), random.Random(1)
    process = ServerProcess(
        timeline, Recognizers(timeline, cores), **{"under_way": 10**9, "queue": 0, "deadline": math.inf, **limits}
    )
    latencies: list[float] = []
    refused: list[int] = []

    def send() -> None:
        begun = timeline.now

        def answered(retry_after: int | None) -> None:
            if retry_after is None:
                latencies.append(timeline.now - begun)
            else:
                refused.append(retry_after)

        process.take(Frame(seconds, "camera", (1280, 720), answered))

    moment = 0.0
    for _ in range(frames):
        moment += rng.expovariate(rate)
        timeline.at(moment, send)
    timeline.run(math.inf)
    return latencies, len(refused)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_one_core_with_frames_by_chance_is_the_queue_of_the_textbook(load: float) -> None:
    # M/D/1: the mean wait is load / (2 (1 - load)) services
    latencies, refused = served(0.05, load / 0.05, 100_000)
    assert refused == 0 and len(latencies) == 100_000
    assert statistics.mean(latencies) == pytest.approx(0.05 + 0.05 * load / (2 * (1 - load)), rel=0.04)


def test_where_no_frame_may_wait_as_many_are_refused_as_erlang_says() -> None:
    # M/D/c/c: Erlang's B, whatever the service times are
    cores, offered = 4, 3.0
    blocked = (offered**cores / math.factorial(cores)) / sum(offered**k / math.factorial(k) for k in range(cores + 1))
    latencies, refused = served(0.1, offered / 0.1, 60_000, cores=cores, under_way=cores)
    assert refused / 60_000 == pytest.approx(blocked, rel=0.04)
    assert max(latencies) == pytest.approx(0.1)


def test_utilisation_is_the_rate_of_arrival_times_the_mean_service() -> None:
    seen = simulate(Campus(rooms=40, cores=4, follows=False), fixed(50.0))
    assert seen["frames_per_second"] == pytest.approx(40, rel=0.01) and seen["refused"] == 0
    assert seen["utilisation"] == pytest.approx(40 * 0.05 / 4, rel=0.01)
    recorded = simulate(Campus(rooms=40, cores=4, follows=False), ServiceTimes(RECORDED, "second"))
    expected = recorded["frames_per_second"] * recorded["mean_service_ms"] / 1000 / 4
    assert recorded["utilisation"] == pytest.approx(expected, rel=0.02)


def test_more_than_the_cores_can_do_is_refused_and_the_rest_is_answered_in_time() -> None:
    campus = Campus(rooms=50, cores=1, follows=False)
    seen = simulate(campus, fixed(50.0))
    assert seen["utilisation"] == pytest.approx(1, abs=0.01)
    assert seen["answers_per_second"] == pytest.approx(20, rel=0.02)
    assert seen["refused"] == pytest.approx(1 - 20 / 50, abs=0.02)
    # what may wait: in each process so many before its gate, the rest within, of which one is being recognised
    most = campus.servers * (campus.queue + campus.under_way)
    assert most - 2 <= seen["waiting_most"] <= most
    # all of them before it, and some that another process took later
    assert seen["p99_ms"] <= 1000 * 0.05 * 1.2 * most


@pytest.mark.parametrize("under_way", [1, 16])
def test_nobody_waits_longer_than_the_deadline(under_way: int) -> None:
    # before the gate of the process, and in the cluster
    latencies, refused = served(0.2, 10, 2000, under_way=under_way, queue=1000, deadline=1.0)
    assert refused > 500 and len(latencies) + refused == 2000
    assert max(latencies) <= 2 * 1.0 + 1e-9


def test_cameras_that_follow_the_advice_are_not_refused() -> None:
    times = ServiceTimes(RECORDED, "second")
    follow, do_not = (simulate(Campus(rooms=50, cores=1, follows=follows), times) for follows in (True, False))
    assert follow["refused"] < 0.01 < 0.4 < do_not["refused"]
    assert follow["answers_per_second"] > do_not["answers_per_second"], "as their frames become smaller"
    assert follow["median_ms"] < do_not["median_ms"]


def test_the_same_seed_gives_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    def printed(seed: str) -> str:
        assert main(["--rooms", "20", "--cores", "2", "--seed", seed]) == 0
        return capsys.readouterr().out

    assert printed("3") == printed("3") != printed("4")


def test_between_the_recorded_numbers_of_faces_lies_what_lies_between() -> None:
    rows = [
        {"kind": "whole", "size": [1280, 720], "faces": faces, "milliseconds": each}
        for faces, each in ((0, [10.0, 20.0]), (10, [110.0, 220.0]))
    ]
    times = ServiceTimes(rows, "whole")
    assert [times.draw(faces, 0.0) for faces in (0, 5, 10, 99)] == pytest.approx([0.01, 0.06, 0.11, 0.11])
    assert times.draw(5, 0.99) == pytest.approx(0.12)


def test_the_recorded_times_are_complete_and_grow_with_the_faces() -> None:
    kinds = {row["kind"] for row in RECORDED}
    assert kinds == {"whole", "second", "tenth", "decode"}

    def means(kind: str, size: Sequence[int]) -> list[float]:
        rows = [row for row in RECORDED if row["kind"] == kind and row["size"] == list(size)]
        assert [row["faces"] for row in rows] == [0, 1, 6, 30]
        return [statistics.mean(row["milliseconds"]) for row in rows]

    for size in ((640, 480), (1280, 720)):
        assert means("whole", size) == sorted(means("whole", size))
        # once a second nothing is followed, ten times a second it is
        assert means("tenth", size)[-1] < 0.8 * means("second", size)[-1]
