"""The command line of ``app.py``: serving one machine, and what is done about a server from its console."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from logging.handlers import RotatingFileHandler
from pathlib import Path
from wsgiref.types import WSGIApplication

from attendance import accounts, links
from attendance.actor import system_actor
from attendance.clock import SystemClock
from attendance.database import DatabaseError
from attendance.face_images import MOST_AT_ONCE
from cluster import connection
from cluster.publishing import publisher_of
from config import Settings
from connections import make_server
from data_folder import database_of, make_private, open_database
from diagnosis import command as doctor
from errors import ConfigurationError, ConflictError, SmartAttendanceError
from interrupts import ended_by_signals
from listening import address_of, bound_sockets, why_unusable
from operations.check import Check, Finding
from operations.places import Places

FINE, LEFT, UNUSABLE, INTERRUPTED = 0, 1, 2, 130
LOG_FILE = "server.log"
_LOG_BYTES, _LOG_FILES = 5_000_000, 5
# Besides those that wait with a frame: for everybody else's pages.
_THREADS = 8

EPILOG = f"""
exit status: {FINE} done; {LEFT} check has found what it did not repair, or doctor a problem; {UNUSABLE} wrong usage,
or something that keeps the server from starting, or from being checked; {INTERRUPTED} interrupted.
"""

CreateApp = Callable[[Settings], WSGIApplication]
Greet = Callable[[Settings], None]

_OLD_TABLES = Finding("old_tables", "The tables are of another version; start the server once, or use --repair.")

_logger = logging.getLogger(__name__)


def main(create_app: CreateApp, argv: Sequence[str] | None = None) -> int:
    """Run the command with ``argv`` (default: the process's) and return its exit status. create_app: makes the
    application to serve."""
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as request:  # argparse has said why
        return int(request.code or 0)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console without a name's letters must not stop the server
    try:
        if arguments.command == "doctor":
            return doctor.run(as_json=arguments.json)
        settings = Settings.from_env()
        if arguments.command == "setup-link":
            return _setup_link(settings)
        if arguments.command == "reset-link":
            return _reset_link(settings, arguments.email)
        if arguments.command == "recognizers":
            return _recognizers(settings, remove=arguments.remove)
        if arguments.command == "check":
            return _check(settings, repair=arguments.repair, erase=arguments.erase)
        with ended_by_signals():
            return serve(settings, create_app)
    except SmartAttendanceError as error:
        print(f"error: {error}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="app.py",
        description="Serve SmartAttendance. The settings are environment variables; see the README.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    commands.add_parser("serve", help="serve until Ctrl-C; what is done when no command is given")
    commands.add_parser("setup-link", help="print a new link for making the first admin")
    reset = commands.add_parser("reset-link", help="print a link with which a user chooses another password")
    reset.add_argument("email", help="the e-mail address of the account")
    check = commands.add_parser("check", help="report what is damaged, left over, or kept without consent")
    check.add_argument(
        "--repair", action="store_true", help="mend what can be mended without deleting anybody's photos"
    )
    check.add_argument(
        "--erase",
        action="append",
        default=[],
        metavar="ID",
        help="erase everything made of the face of the student with this external id, who has no consent; first of all",
    )
    recognizers = commands.add_parser(
        "recognizers", help="start the recognizers of the Ray cluster, or exchange them for those the settings describe"
    )
    recognizers.add_argument("--remove", action="store_true", help="take them away")
    doctor.add_options(commands.add_parser("doctor", help=doctor.HELP, description=doctor.DESCRIPTION))
    return parser


def places_of(settings: Settings) -> Places:
    """Where the server keeps what is made of faces."""
    key = settings.model_signing_key
    return Places(
        data_dir=settings.data_dir,
        dataset_dir=settings.dataset_dir,
        model_dir=settings.model_dir,
        cache_dir=settings.cache_dir,
        signing_key=None if key is None else key.encode(),
    )


def _check(settings: Settings, *, repair: bool, erase: Sequence[str]) -> int:
    database = database_of(settings)
    try:
        if not database.is_present():
            print("There is no database yet; the server makes it when it is started.")
            return FINE
        findings = [] if database.is_current() else [_OLD_TABLES]
        if findings and repair:
            database.prepare()
            findings = [replace(_OLD_TABLES, repaired=True)]
        if not findings or repair:  # nothing else can be read from tables of another version
            publisher = publisher_of(settings)
            publish = None if publisher is None else publisher.publish_surely
            check = Check(database, places_of(settings), SystemClock(), publish)
            for external_id in erase:
                print(check.erase(external_id))
            findings += check.run(repair=repair)
    except DatabaseError as error:
        raise ConfigurationError(
            "the database cannot be read; is it damaged, or does its server not answer?"
        ) from error
    except PermissionError as error:
        raise ConfigurationError(
            f"{error.filename} cannot be looked at: {error.strerror}. Run this as the user that the server runs as"
        ) from error
    finally:
        database.close()
    for finding in findings:
        print(f"{'repaired' if finding.repaired else 'found   '}  {finding.code}: {finding.message}")
    left = sum(not finding.repaired for finding in findings)
    print(f"{len(findings)} found, {len(findings) - left} repaired." if findings else "Everything is accounted for.")
    return LEFT if left else FINE


def _recognizers(settings: Settings, *, remove: bool) -> int:
    connection.installed()
    # not above: it needs Ray, which a server on one machine does without
    from cluster import deployment

    if remove:
        deployment.remove(settings)
        print("The recognizers are taken away.")
        return FINE
    print("Starting the recognizers ...", flush=True)
    for report in deployment.deploy(settings):
        current = report.status.current
        model = f"model {current.model_version}" if current else report.status.refused or "no model yet"
        print(f"  on {report.machine}: {report.embedder.id}, {model}")
    print("They answer. Now start the server processes with SMARTATTENDANCE_RECOGNIZER=ray.")
    return FINE


def serve(settings: Settings, create_app: CreateApp, greet: Greet | None = None, *, console: int = logging.INFO) -> int:
    """Serve until KeyboardInterrupt; the exit status. greet: called once it answers, with what it was started with;
    default: prints the link for making the first admin, while there is none. console: the least serious of what is
    logged that the terminal shows as well. Raises SmartAttendanceError."""
    make_private(settings.data_dir)
    _log_to(settings.data_dir / LOG_FILE, console)
    # before the networks are loaded, which takes a while: somebody waits for the error
    sockets = bound_sockets(settings.host, settings.port)
    try:
        print("Loading ...", flush=True)
        application = create_app(settings)
        try:
            server = make_server(
                application,
                sockets,
                threads=settings.frames_at_once + settings.inference_queue + _THREADS,
                largest_body=max((MOST_AT_ONCE + 1) * settings.max_image_bytes, 64_000_000),
                is_behind_proxy=settings.trusted_proxies > 0,
            )
        except OSError as error:
            raise why_unusable(settings.host, settings.port, error) from error
        print(f"SmartAttendance is at {address_of(settings)} - Ctrl-C ends it.", flush=True)
        (greet or _invite_first_admin)(settings)
        _logger.info("started at %s", address_of(settings))
        server.run()  # until Ctrl-C or SIGTERM, after which it returns
        print("Ending ...", flush=True)
        _logger.info("ended")
    except SmartAttendanceError as error:
        _logger.error("%s", error)
        raise
    finally:
        for bound in sockets:
            bound.close()
    return FINE


def check_free(settings: Settings) -> None:
    """Raise ConfigurationError when the server cannot listen where it is to."""
    for bound in bound_sockets(settings.host, settings.port):
        bound.close()


def _setup_link(settings: Settings) -> int:
    database = open_database(settings)
    try:
        with database.writing() as db:
            link = links.make_setup_link(db, system_actor(), SystemClock().now())
    except ConflictError as error:
        raise ConfigurationError(
            "there is an admin already; for another password, run: python app.py reset-link EMAIL"
        ) from error
    finally:
        database.close()
    _hand_on(settings, link, "The link for making the first admin")
    return FINE


def _reset_link(settings: Settings, email: str) -> int:
    database = open_database(settings)
    try:
        with database.writing() as db:
            user = accounts.user_by_email(db, email)
            if user is None:
                raise ConfigurationError("no account has this e-mail address")
            link = links.make_password_link(db, system_actor(), user.id, SystemClock().now())
    finally:
        database.close()
    _hand_on(settings, link, "The link for choosing another password")
    return FINE


def _invite_first_admin(settings: Settings) -> None:
    """Print the setup link while it is needed; to the console only, where whoever runs the server is."""
    database = open_database(settings)
    try:
        with database.writing() as db:
            if accounts.has_admin(db):
                return
            link = links.make_setup_link(db, system_actor(), SystemClock().now())
    finally:
        database.close()
    _hand_on(settings, link, "There is no admin yet. The link for making the first one")


def _hand_on(settings: Settings, link: links.NewLink, what: str) -> None:
    print(f"{what} (good once, until {link.expires_at:%Y-%m-%d %H:%M} UTC):", flush=True)
    print(f"  {address_of(settings)}/#/redeem/{link.secret}", flush=True)


def _log_to(path: Path, console: int) -> None:
    """Log to the console from the level ``console`` on, and to a file that never grows without end."""
    shown = logging.StreamHandler()
    shown.setLevel(console)
    shown.addFilter(lambda record: record.name != __name__)  # what is printed here as well
    handlers: list[logging.Handler] = [shown]
    try:
        handlers.append(
            RotatingFileHandler(
                path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8", errors="backslashreplace"
            )
        )
    except OSError as error:
        raise ConfigurationError(f"the log {path} cannot be written: {error.strerror or error}") from error
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", handlers=handlers, force=True
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # a line for each request that waits for a thread, just when there are many
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
