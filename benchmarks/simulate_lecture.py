"""A campus at the beginning of a lecture, simulated: how long frames wait and how many are refused, by cores.

    python benchmarks/simulate_lecture.py [--rooms 50 1000] [--cores N ...] [--every 1.0] [--seed 0] [--json FILE]

Every room has a camera that is on from five minutes before its lecture until fifteen after it begins; the lectures
begin within one quarter of an hour. Fifty students walk in by a Poisson process, in the ten minutes around the
beginning, and each stays in view for a while (``--in-view``, seconds on average). A camera sends a frame every second
(``--every``): without regard to anything, or, as the page does, one at a time, as often and as large as the server
advises, and after a 503 not before Retry-After. What a frame takes of a core is drawn from ``service_times.json``,
which ``service_times.py`` records; ``--more`` adds what the way there costs (``ray_nodes.py`` measures it).

A server process is the product's: so many frames under way in the cluster, so many waiting, each no longer than the
deadline, all others refused; what it advises is worked out by the product's own code. The recognizers of the cluster
take one frame after the other, one core each. With ``--embedded`` there is one server process and no cluster.

Told of are the five minutes in which all rooms send. Utilisation: of the cores. Waiting: frames in all queues, mean and
most. Latency: from a frame's sending to its answer. The same seed gives the same.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
import statistics
import sys
from bisect import bisect
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))

from config import Settings
from operations.advice import BY_PIXELS, Advisor

FILE = Path(__file__).with_name("service_times.json")
STUDENTS = 50
# Seconds, from the beginning of the quarter in which the lectures begin.
QUARTER, ON_BEFORE, ON_AFTER, WALK_IN = 900.0, 300.0, 900.0, 300.0
ALL_SEND = (QUARTER - ON_BEFORE, ON_AFTER)
WARM_UP = 60.0
LONGEST_RETRY = 30
CORES = {50: (1, 2, 3, 4, 6), 1000: (40, 50, 60, 80)}


class ServiceTimes:
    """Draws what a frame of 1280 x 720 takes of one core, in seconds. Between the numbers of faces that were recorded
    it lies between what was recorded for them."""

    def __init__(self, rows: Sequence[dict[str, Any]], kind: str, size: tuple[int, int] = (1280, 720)) -> None:
        found = {row["faces"]: row["milliseconds"] for row in rows if row["kind"] == kind and row["size"] == list(size)}
        self._faces = sorted(found)
        self._times = [[each / 1000 for each in sorted(found[faces])] for faces in self._faces]

    def draw(self, faces: int, chance: float) -> float:
        """chance: from 0 to below 1, which of the recorded times it is."""
        faces = min(faces, self._faces[-1])
        at = max(1, bisect(self._faces, faces - 1))
        low, high = self._faces[at - 1], self._faces[at]
        low_time, high_time = (each[int(chance * len(each))] for each in self._times[at - 1 : at + 1])
        return low_time + (high_time - low_time) * (faces - low) / (high - low)


class Timeline:
    """What happens when, one thing after the other."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, moment: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (moment, next(self._numbers), happens))

    def run(self, until: float) -> None:
        while self._heap and self._heap[0][0] <= until:
            self.now, _, happens = heapq.heappop(self._heap)
            happens()


@dataclass(slots=True, eq=False)
class Frame:
    """answered: called once, with None or with what Retry-After says. state: ``waiting`` before the server process's
    gate, ``inside``, or ``done``."""

    seconds: float
    camera: str
    size: tuple[int, int]
    answered: Callable[[int | None], None]
    state: str = "new"
    entered_at: float = 0.0


class Recognizers:
    """The cluster: ``cores`` that take frames in their order, one each."""

    def __init__(self, timeline: Timeline, cores: int) -> None:
        self._timeline, self._free = timeline, cores
        self._queue: deque[tuple[Frame, Callable[[], None]]] = deque()
        self.busy_seconds = 0.0
        self.counts_from, self.counts_until = 0.0, math.inf

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def take(self, frame: Frame, finished: Callable[[], None]) -> None:
        self._queue.append((frame, finished))
        self._start()

    def _start(self) -> None:
        while self._free and self._queue:
            frame, finished = self._queue.popleft()
            if frame.state == "done":  # nobody waits for it any more
                continue
            self._free -= 1
            begun, ends = self._timeline.now, self._timeline.now + frame.seconds
            self.busy_seconds += max(0.0, min(ends, self.counts_until) - max(begun, self.counts_from))
            self._timeline.at(ends, lambda finished=finished: self._finish(finished))

    def _finish(self, finished: Callable[[], None]) -> None:
        self._free += 1
        finished()
        self._start()


class ServerProcess:
    """The queue of ``operations.inference.InferenceGate``, and the advice of ``operations.advice``."""

    def __init__(
        self, timeline: Timeline, recognizers: Recognizers, *, under_way: int, queue: int, deadline: float
    ) -> None:
        self._timeline, self._recognizers = timeline, recognizers
        self._under_way, self._queue_length, self._deadline = under_way, queue, deadline
        self._inside, self._mean_seconds = 0, 0.2
        self._queue: deque[Frame] = deque()
        self._waiting = 0
        self.advisor = Advisor(under_way, clock=lambda: timeline.now)

    @property
    def waiting(self) -> int:
        return self._waiting

    def take(self, frame: Frame) -> None:
        if self._inside < self._under_way:
            self._enter(frame)
        elif self._waiting >= self._queue_length:
            self._refuse(frame)
        else:
            frame.state = "waiting"
            self._waiting += 1
            self._queue.append(frame)
            self._after_deadline(frame, "waiting", self._give_up)

    def _after_deadline(self, frame: Frame, state: str, gives_up: Callable[[Frame], None]) -> None:
        if math.isfinite(self._deadline):
            until = self._timeline.now + self._deadline
            self._timeline.at(until, lambda: gives_up(frame) if frame.state == state else None)

    def _enter(self, frame: Frame) -> None:
        frame.state, frame.entered_at = "inside", self._timeline.now
        self._inside += 1
        self._recognizers.take(frame, lambda: self._leave(frame, is_answered=True))
        self._after_deadline(frame, "inside", lambda late: self._leave(late, is_answered=False))

    def _leave(self, frame: Frame, *, is_answered: bool) -> None:
        if frame.state == "done":  # refused while it was being recognised
            return
        seconds = self._timeline.now - frame.entered_at
        self._inside -= 1
        self._mean_seconds += 0.2 * (seconds - self._mean_seconds)
        while self._queue:
            after = self._queue.popleft()
            if after.state == "waiting":
                self._waiting -= 1
                self._enter(after)
                break
        frame.state = "done"
        if is_answered:
            self.advisor.took(frame.camera, *frame.size, seconds)
            frame.answered(None)
        else:
            frame.answered(1)

    def _give_up(self, frame: Frame) -> None:
        self._waiting -= 1
        self._refuse(frame)

    def _refuse(self, frame: Frame) -> None:
        frame.state = "done"
        ahead = (self._inside + self._waiting) / self._under_way
        frame.answered(min(LONGEST_RETRY, max(1, math.ceil(ahead * self._mean_seconds))))


@dataclass(frozen=True)
class Campus:
    """every: seconds from one frame to the next. follows: whether cameras follow the server's advice. in_view: seconds.
    more: seconds for each frame on top. The rest as the settings have it; servers: processes."""

    rooms: int
    cores: int
    every: float = 1.0
    follows: bool = True
    in_view: float = 60.0
    more: float = 0.0
    servers: int = 2
    under_way: int = Settings.ray_frames
    queue: int = Settings.inference_queue
    deadline: float = Settings.inference_deadline_seconds
    seed: int = 0


@dataclass
class Seen:
    """Of the frames that were sent while all rooms send. latencies: seconds. waiting: frames in all queues, at each
    sending. offered: seconds of a core that the frames would have taken that were sent as ``every`` says."""

    latencies: list[float] = field(default_factory=list)
    refused: int = 0
    waiting: list[int] = field(default_factory=list)
    offered: float = 0.0


class Camera:
    """Of one room."""

    def __init__(
        self,
        number: int,
        campus: Campus,
        timeline: Timeline,
        servers: Sequence[ServerProcess],
        recognizers: Recognizers,
        times: ServiceTimes,
        seen: Seen,
    ) -> None:
        self._name, self._campus, self._timeline, self._times = f"room {number}", campus, timeline, times
        self._servers, self._recognizers, self._seen = servers, recognizers, seen
        self._server = servers[number % len(servers)]  # nginx leaves a camera with one
        self._random = random.Random(f"{campus.seed} {number}")
        self._begins = self._random.uniform(0, QUARTER)
        self._changes = self._walking_in()
        self._in_view = 0
        self._width = 1280

    def start(self) -> None:
        first = max(self._begins - ON_BEFORE, ALL_SEND[0] - WARM_UP) + self._random.uniform(0, self._campus.every)
        self._timeline.at(first, self._send)

    def _walking_in(self) -> deque[tuple[float, int]]:
        """(moment, +1 or -1): somebody comes into view, or goes out of it."""
        found: list[tuple[float, int]] = []
        moment, end = self._begins - WALK_IN, self._begins + WALK_IN
        while (moment := moment + self._random.expovariate(STUDENTS / (2 * WALK_IN))) < end:
            found += [(moment, 1), (moment + self._random.expovariate(1 / self._campus.in_view), -1)]
        return deque(sorted(found))

    def _send(self) -> None:
        now, campus, seen = self._timeline.now, self._campus, self._seen
        if now >= self._begins + ON_AFTER:
            return
        while self._changes and self._changes[0][0] <= now:
            self._in_view += self._changes.popleft()[1]
        seconds = self._times.draw(self._in_view, self._random.random()) + campus.more
        counts = ALL_SEND[0] <= now < ALL_SEND[1]
        if counts:
            seen.waiting.append(self._recognizers.waiting + sum(server.waiting for server in self._servers))
            seen.offered += seconds
        pixels = (self._width / 1280) ** 2
        server = self._server

        def answered(retry_after: int | None) -> None:
            pause = campus.every
            if retry_after is None:
                if counts:
                    seen.latencies.append(self._timeline.now - now)
                if campus.follows:
                    advice = server.advisor.advice()
                    self._width, pause = advice.width, max(campus.every, advice.interval / 1000)
            else:
                seen.refused += counts
                pause = max(pause, self._timeline.now - now + retry_after)
            if campus.follows:
                self._timeline.at(max(self._timeline.now, now + pause), self._send)

        if not campus.follows:
            self._timeline.at(now + campus.every, self._send)
        size = (self._width, self._width * 9 // 16)
        server.take(Frame(seconds * (1 - BY_PIXELS + BY_PIXELS * pixels), self._name, size, answered))


def simulate(campus: Campus, times: ServiceTimes) -> dict[str, Any]:
    """What is told of ``campus``: shares from 0 to 1, milliseconds."""
    timeline, seen = Timeline(), Seen()
    timeline.now = ALL_SEND[0] - WARM_UP
    recognizers = Recognizers(timeline, campus.cores)
    recognizers.counts_from, recognizers.counts_until = ALL_SEND
    servers = [
        ServerProcess(timeline, recognizers, under_way=campus.under_way, queue=campus.queue, deadline=campus.deadline)
        for _ in range(campus.servers)
    ]
    for number in range(campus.rooms):
        Camera(number, campus, timeline, servers, recognizers, times, seen).start()
    # those sent last are answered, too
    timeline.run(ALL_SEND[1] + 2 * (campus.deadline if math.isfinite(campus.deadline) else 60) + 1)
    seconds = ALL_SEND[1] - ALL_SEND[0]
    taken = sorted(seen.latencies)
    sent = len(taken) + seen.refused

    def percentile(share: float) -> float | None:
        return round(1000 * taken[min(len(taken) - 1, int(share * len(taken)))]) if taken else None

    return {
        **asdict(campus),
        "frames_per_second": round(sent / seconds, 1),
        "answers_per_second": round(len(taken) / seconds, 1),
        "mean_service_ms": round(1000 * seen.offered / max(1, sent), 1),
        "utilisation": round(recognizers.busy_seconds / campus.cores / seconds, 3),
        "waiting_mean": round(statistics.mean(seen.waiting), 1) if seen.waiting else 0.0,
        "waiting_most": max(seen.waiting, default=0),
        "median_ms": percentile(0.5),
        "p95_ms": percentile(0.95),
        "p99_ms": percentile(0.99),
        "refused": round(seen.refused / max(1, sent), 4),
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, nargs="+", default=list(CORES))
    parser.add_argument("--cores", type=int, nargs="+", help="default: some around what so many rooms need")
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--in-view", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--more", type=float, default=0.0, metavar="MS", help="for each frame on top")
    parser.add_argument("--servers", type=int, help="default: one for 25 rooms, and two at least")
    parser.add_argument("--embedded", action="store_true", help="no cluster: one server process")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--times", type=Path, default=FILE)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args(argv)
    rows = json.loads(arguments.times.read_text(encoding="utf-8"))["frames"]
    # slower than every 0.6 s nothing is followed
    times = ServiceTimes(rows, "tenth" if arguments.every <= 0.6 else "second")
    results = []
    print("rooms cores follow | frames/s answered/s  util | waiting  most | median   p95    p99 ms | 503")
    for rooms in arguments.rooms:
        fitting = CORES.get(rooms) or tuple(max(1, round(rooms * share)) for share in (0.04, 0.06, 0.08, 0.1, 0.12))
        for cores in arguments.cores or fitting:
            for follows in (True, False):
                servers = 1 if arguments.embedded else arguments.servers or max(2, -(-rooms // 25))
                campus = Campus(
                    rooms,
                    cores,
                    every=arguments.every,
                    follows=follows,
                    in_view=arguments.in_view,
                    more=arguments.more / 1000,
                    servers=servers,
                    under_way=cores if arguments.embedded else Settings.ray_frames,
                    seed=arguments.seed,
                )
                row = simulate(campus, times)
                results.append(row)
                print(
                    f"{rooms:>5} {cores:>5} {'yes' if follows else 'no':>6} | {row['frames_per_second']:>8} "
                    f"{row['answers_per_second']:>10} {100 * row['utilisation']:>4.0f}% | {row['waiting_mean']:>7} "
                    f"{row['waiting_most']:>5} | {row['median_ms']:>6} {row['p95_ms']:>5} {row['p99_ms']:>6}    | "
                    f"{100 * row['refused']:.1f}%",
                    flush=True,
                )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
