"""The demo as it is started: made if it is not there yet, then served."""

from __future__ import annotations

import errno
import ipaddress
import logging
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
from errors import ConfigurationError, ServiceError
from listening import address_of, bound_sockets
from serving import serve


def run(folder: DemoFolder, cast: Cast) -> int:
    """Serve the demo until Ctrl-C; the exit status. Raises SmartAttendanceError."""
    stages = Stages()
    with folder.held():
        settings = folder.settings()
        _check_free(settings)
        done = folder.completed()
        if done is None:
            stages.say(welcome.PREPARING)
            choice = _prepared(folder, settings, stages, cast)
        else:
            choice = done["choice"]
            stages.say(embedder.remark(settings, choice) or welcome.GOES_ON)
        server = _Server(folder, stages)
        return serve(embedder.with_choice(settings, choice), server.application, server.greet, console=logging.WARNING)


@dataclass(slots=True)
class _Server:
    folder: DemoFolder
    stages: Stages
    _problem: str | None = None

    def application(self, settings: Settings) -> Any:
        app = create_app(settings)
        services = services_of(app)
        try:
            see_to_today(services.database, services.clock.now())
        except ServiceError as error:  # somebody tried out what an admin may do
            self._problem = f"There is no session for the class to walk into: {error}."
        return app

    def greet(self, settings: Settings) -> None:
        address = address_of(settings)
        self.folder.serve_at(address)
        for line in welcome.lines(address):
            self.stages.say(line)
        if not _is_this_machine(settings.host):
            self.stages.say(welcome.OPEN_TO_OTHERS.format(host=settings.host))
        if self._problem:
            self.stages.say(self._problem)


def _check_free(settings: Settings) -> None:
    """Raise ConfigurationError when the server cannot listen where it is to: before minutes of work, not after."""
    for bound in bound_sockets(settings.host, settings.port):
        bound.close()


def _prepared(folder: DemoFolder, settings: Settings, stages: Stages, cast: Cast) -> dict[str, Any]:
    # not above: it brings the training along, and a start that needs none should be quick
    from demonstration.preparation import Preparation

    try:
        return Preparation(folder, settings, stages, cast).run()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ConfigurationError(
                "the disk is full; free some space, and start the demo again: it goes on from what is complete"
            ) from error
        raise ConfigurationError(f"the demo cannot be made: {error}") from error
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
