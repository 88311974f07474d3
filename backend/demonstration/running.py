"""The demo as it is started: made if it is not there yet, then served."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app import create_app, services_of
from attendance.database import DatabaseError, unavailable
from config import Settings
from demonstration import embedder, welcome
from demonstration.cast import Cast
from demonstration.folder import DemoFolder
from demonstration.stages import Stages
from demonstration.today import see_to_today
from errors import ConfigurationError, ServiceError, WeightsError
from listening import address_of
from serving import check_free, serve


def run(folder: DemoFolder, cast: Cast) -> int:
    """Serve the demo until Ctrl-C; the exit status. Raises SmartAttendanceError, OSError."""
    stages = Stages()
    with folder.held():
        settings = folder.settings()
        check_free(settings)  # before minutes of work, not after
        done = folder.completed()
        if done is None:
            stages.say(welcome.PREPARING)
            done = _prepared(folder, settings, stages, cast)
        else:
            stages.say(embedder.remark(settings, done["choice"]) or welcome.GOES_ON)
        server = _Server(folder, stages, done["passwords"])
        return serve(
            embedder.with_choice(settings, done["choice"]), server.application, server.greet, console=logging.WARNING
        )


@dataclass(slots=True)
class _Server:
    folder: DemoFolder
    stages: Stages
    passwords: Mapping[str, str]
    _problem: str | None = None

    def application(self, settings: Settings) -> Any:
        try:
            app = create_app(settings)
        except WeightsError as error:  # they were a file elsewhere, which is gone
            raise WeightsError(f"{error} Or remove the demo ({welcome.removal()}), and start it again.") from error
        services = services_of(app)
        try:
            see_to_today(services.database, services.clock.now())
        except ServiceError as error:  # somebody tried out what an admin may do
            self._problem = f"There is no session for the class to walk into: {error}."
        return app

    def greet(self, settings: Settings) -> None:
        address = address_of(settings)
        self.folder.serve_at(address)
        for line in welcome.lines(address, self.passwords):
            self.stages.say(line)
        if not _is_this_machine(settings.host):
            self.stages.say(welcome.OPEN_TO_OTHERS.format(host=settings.host))
        if self._problem:
            self.stages.say(self._problem)


def _prepared(folder: DemoFolder, settings: Settings, stages: Stages, cast: Cast) -> dict[str, Any]:
    # not above: it brings the training along, and a start that needs none should be quick
    from demonstration.preparation import Preparation

    try:
        return Preparation(folder, settings, stages, cast).run()
    except DatabaseError as error:
        reason = unavailable(error)
        if reason is None:
            raise
        raise ConfigurationError(f"the demo cannot be made: {reason}") from error


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
