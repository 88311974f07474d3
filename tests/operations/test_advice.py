"""What the server tells cameras: as much as it can take, shared evenly, within sensible limits."""

from __future__ import annotations

import pytest

from operations.advice import BUSY_SHARE, LONG, LONGEST, SHORTEST, WIDTHS, Advisor


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def busy(advisor: Advisor, cameras: int, seconds: float, size: tuple[int, int] = (1280, 720), rounds: int = 30) -> None:
    for _ in range(rounds):
        for camera in range(cameras):
            advisor.took(f"camera {camera}", *size, seconds)


def test_before_the_first_frame_nothing_is_held_back(clock: Clock) -> None:
    advice = Advisor(1, clock).advice()
    assert (advice.width, advice.interval) == (WIDTHS[0], SHORTEST)


def test_a_fast_server_takes_large_frames_as_often_as_a_page_sends(clock: Clock) -> None:
    advisor = Advisor(1, clock)
    busy(advisor, 1, 0.04)
    assert advisor.advice() == Advisor(1, clock).advice()


def test_many_cameras_share_what_there_is(clock: Clock) -> None:
    advisor = Advisor(1, clock)
    busy(advisor, 6, 0.05)
    advice = advisor.advice()
    # all of them together keep the networks busy for four fifths of the time
    assert advice.width == 1280
    assert 6 * 50 / advice.interval == pytest.approx(BUSY_SHARE, abs=0.02)
    two = Advisor(2, clock)
    busy(two, 6, 0.05)
    assert two.advice().interval == pytest.approx(advice.interval / 2, abs=1)


def test_frames_become_smaller_before_they_become_rare(clock: Clock) -> None:
    widths, intervals = [], []
    for seconds in (0.1, 0.45, 0.55, 0.7, 9.0):
        advisor = Advisor(1, clock)
        busy(advisor, 1, seconds)
        advice = advisor.advice()
        widths.append(advice.width)
        intervals.append(advice.interval)
    assert widths[0] == WIDTHS[0] and widths[-1] == WIDTHS[-1]
    assert widths == sorted(widths, reverse=True) and len(set(widths)) >= 3
    for width, interval in zip(widths, intervals, strict=True):
        assert interval <= LONG or width == WIDTHS[-1]
    assert intervals[-1] == LONGEST


def test_small_frames_that_go_fast_may_grow_again(clock: Clock) -> None:
    advisor = Advisor(1, clock)
    busy(advisor, 1, 0.9)
    assert advisor.advice().width < 1280
    busy(advisor, 1, 0.05, (640, 360))
    assert advisor.advice().width == 1280


def test_a_camera_that_went_home_has_no_share(clock: Clock) -> None:
    advisor = Advisor(1, clock)
    busy(advisor, 6, 0.06)
    shared = advisor.advice().interval
    clock.now += 6
    advisor.took("camera 0", 1280, 720, 0.06)
    assert advisor.advice().interval == max(SHORTEST, round(shared / 6))
