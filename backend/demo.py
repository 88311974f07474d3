"""A demo of SmartAttendance that needs no camera, no photos and nobody's face.

python demo.py            make it, the first time, and serve it until Ctrl-C
python demo.py walk-in    let the class walk in before the camera, from a second terminal
python demo.py clean      remove it
"""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Sequence

from demonstration.cast import INSTRUCTOR, Cast
from demonstration.folder import DemoFolder
from errors import ConfigurationError, SmartAttendanceError
from interrupts import ended_by_signals

FINE, INCOMPLETE, UNUSABLE, INTERRUPTED = 0, 1, 2, 130

EPILOG = f"""
Everything lies in the folder demo/; the data, photos and models of a real server are not touched, whatever the
environment says. Of the settings SMARTATTENDANCE_HOST, _PORT, _EMBEDDER, _FACENET_WEIGHTS, _ALLOW_DOWNLOAD, _DEVICE and
_THREADS count.

exit status: {FINE} done; {INCOMPLETE} walk-in: not everybody was marked, or somebody wrongly; {UNUSABLE} wrong usage,
or something that keeps it from being done; {INTERRUPTED} interrupted.
"""


def main(argv: Sequence[str] | None = None, folder: DemoFolder | None = None, cast: Cast | None = None) -> int:
    """Run the command with ``argv`` (default: the process's) and return its exit status. folder, cast: tests have
    their own."""
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as request:  # argparse has said why
        return int(request.code or 0)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console without a name's letters must not stop the demo
    folder = folder or DemoFolder()
    try:
        with ended_by_signals():
            if arguments.command == "clean":
                print("The demo is removed." if folder.remove() else "There is no demo.")
                return FINE
            if arguments.command == "walk-in":
                return _walk_in(folder, arguments)
            return _serve(folder, cast or Cast())
    except SmartAttendanceError as error:
        print(f"error: {error}", file=sys.stderr)
        return UNUSABLE
    except OSError as error:
        print(f"error: {_reason(error, folder)}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        kept = "" if arguments.command else " What is complete is kept; the next start goes on from there."
        print(f"\nInterrupted.{kept}", file=sys.stderr)
        return INTERRUPTED


def _reason(error: OSError, folder: DemoFolder) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space, and start the demo again: it goes on from what is complete"
    where = f" ({error.filename})" if error.filename else ""
    return f"the folder {folder.root} cannot be used: {error.strerror or error}{where}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="demo.py",
        description="A demo of SmartAttendance that needs no camera, no photos and nobody's face.\n"
        "Without a command it is made, the first time, and served until Ctrl-C.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    walk_in = commands.add_parser("walk-in", help="let the class walk in before the camera of the demo that is served")
    walk_in.add_argument("--url", metavar="ADDRESS", help="of the demo's server (default: where it is served)")
    walk_in.add_argument("--close", action="store_true", help="close the session at the end")
    walk_in.add_argument(
        "--again", action="store_true", help="when everybody is marked: end that session and walk into another"
    )
    commands.add_parser("clean", help="remove the demo with everything in it")
    return parser


def _serve(folder: DemoFolder, cast: Cast) -> int:
    # not above: the processes that draw the pictures read this file too, and need none of it
    from demonstration.running import run

    return run(folder, cast)


def _walk_in(folder: DemoFolder, arguments: argparse.Namespace) -> int:
    from demonstration.client import Client
    from demonstration.walk_in import Clip, WalkIn

    address, facts = arguments.url or folder.served_at(), folder.completed()
    if address is None or facts is None:
        raise ConfigurationError("the demo is not served; start it in another terminal, and wait until it says where")
    walk_in = WalkIn(Client(address), facts["passwords"][INSTRUCTOR.email], Clip.read(folder.clip), _say)
    outcome = walk_in.run(close=arguments.close, again=arguments.again)
    return FINE if outcome.is_complete else INCOMPLETE


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
