"""What is away is spoken of once a minute, and once more when it is back."""

from __future__ import annotations

import logging

import pytest

from cluster.link import Link
from outages import Outage


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return found


def test_an_outage_is_a_line_a_minute_with_what_was_left_out_and_one_at_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    outage = Outage("the database", logging.getLogger("test"), clock)
    outage.over()
    assert said(caplog) == []
    for _ in range(1200):  # 150 seconds, eight failures in each
        outage.noticed("it is away")
        clock.now += 0.125
    first, *later = said(caplog)
    assert first == "the database: it is away"
    assert len(later) == 2 and all("480 failures since" in line for line in later)
    outage.over()
    assert said(caplog) == []  # it may answer one and fail the next
    clock.now += 10
    outage.over()
    outage.over()
    (back,) = said(caplog)
    assert back == "the database: back after 160 s and 1200 failures"


def test_what_comes_and_goes_is_no_line_each_time(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    outage = Outage("the cluster", logging.getLogger("test"), clock)
    for _ in range(60):  # ten minutes
        outage.noticed("it is away")
        clock.now += 10
        outage.over()
    lines = said(caplog)
    assert 10 <= len(lines) <= 22
    # of what was said to be away it is also said when it is back
    assert [" back " in line for line in lines] == [False, True] * (len(lines) // 2)


def test_what_ray_and_serve_say_of_what_is_lost_is_one_line(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Link(None)
    serve = logging.getLogger("ray.serve")
    # alone: the links of other tests in this process hear as well
    monkeypatch.setattr(serve, "filters", [link._heard])
    for _ in range(50):
        link._reported({"lines": ["Raylet is terminated.\nand a page of its log"], "is_err": True}, False)
        serve.warning("a replica died")
        try:
            raise ConnectionError("not connected")
        except ConnectionError:
            serve.exception("Failed to run metrics task")
    assert said(caplog) == ["the cluster: Ray reports: Raylet is terminated."]
