"""The networks: do they load, are they those of the model, and how many frames a second do they take here?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from diagnosis import remedies
from diagnosis.case import Case
from diagnosis.finding import Finding, note, ok, problem
from diagnosis.model import artifact
from diagnosis.weights import usable
from diagnosis.wording import count, first_line

if TYPE_CHECKING:
    from recognizer.detector import FaceDetector
    from recognizer.embeddings import FaceEmbedder

LABEL = "Speed"
_ROUNDS = 5
# Below, somebody walks through the picture between two frames.
_FAST_ENOUGH = 3.0


def pictures(_: Case) -> Iterator[Finding]:
    """Whether pictures can be read at all; OpenCV is the one package that needs libraries of the system."""
    try:
        import recognizer.images  # noqa: F401
    except ImportError as error:
        if "shared object" not in str(error):
            raise
        yield problem(
            "opencv_libraries",
            "OpenCV",
            f"it is installed, but lacks a library of the system: {first_line(error)}",
            "Install what it needs; on Fedora: sudo dnf install mesa-libGL glib2. On Debian and Ubuntu:",
            "sudo apt-get install libgl1 libglib2.0-0",
        )


def recognition(case: Case) -> Iterator[Finding]:
    from errors import SmartAttendanceError
    from recognizer.drawn_face import drawn_face

    weights = usable(case)
    if weights is None:  # said of the weights
        return
    from recognizer.assembly import build_detector, build_embedder, was_measured
    from recognizer.compute import compute_of
    from recognizer.detector import DetectorConfig

    settings = case.settings
    compute = compute_of(settings)
    begun = time.perf_counter()
    try:
        measured = was_measured(weights, compute)
        if not measured:
            # measuring would convert the networks and keep them, and this command changes nothing
            compute = replace(compute, engine="torch")
        embedder = build_embedder(weights, compute)
        detector = build_detector(
            DetectorConfig(
                min_face_size=settings.min_face_size,
                thresholds=settings.detector_thresholds,
                min_probability=settings.detector_min_probability,
            ),
            compute,
        )
    except (ImportError, OSError) as error:
        yield problem(
            "networks_unusable",
            LABEL,
            f"the networks' libraries cannot be loaded: {first_line(error)}",
            "Install what is pinned again.",
            remedies.install(),
        )
        return
    except (SmartAttendanceError, RuntimeError, AssertionError) as error:
        yield _not_built(error, settings.device)
        return
    loading = time.perf_counter() - begun
    yield from _fits_model(case, embedder)
    if measured:
        yield from _engines(detector, embedder)
    else:
        now = "PyTorch" if weights.onnx is None else "PyTorch, and OpenVINO for the ONNX network"
        yield ok("engine", LABEL, f"{now}; what is fastest here is measured at the first start")
    yield from _measured(case, loading, _median_seconds(detector, embedder, drawn_face()))


def _not_built(error: Exception, device: str) -> Finding:
    text = f"the networks cannot be set up: {first_line(error)}"
    if device not in ("auto", "cpu"):
        return problem(
            "device_unusable",
            LABEL,
            f"{text}; SMARTATTENDANCE_DEVICE asks for {device}",
            "Leave the choice to the program, which takes what there is.",
            remedies.unset_variable("SMARTATTENDANCE_DEVICE"),
        )
    return problem("networks_unusable", LABEL, text, "Correct that, or install the packages again.", remedies.install())


def _fits_model(case: Case, embedder: FaceEmbedder) -> Iterator[Finding]:
    from errors import EmbedderMismatchError
    from recognizer.loader import check_embedder

    model = artifact(case)
    if model is None:
        return
    try:
        check_embedder(model, embedder.info)
    except EmbedderMismatchError as error:
        yield problem(
            "model_of_another_network",
            "Model",
            f"it is refused: {first_line(error)}",
            *remedies.to_train(
                case.settings,
                "Train again with the network that is used here, or name in the settings the one it was trained with.",
            ),
        )
        return
    yield ok("model_fits", "Model", "it was trained with the network that is used here")


def _engines(detector: FaceDetector, embedder: FaceEmbedder) -> Iterator[Finding]:
    """What computes the networks, and that it answers as the reference does, as measured at the first start here."""
    for name, choice in (("faces are found", detector.choice), ("faces are embedded", embedder.choice)):
        if choice is None:
            continue
        refused = [each for each, found in choice.measured.items() if not found.usable and not found.problem]
        if refused:
            yield note(
                "engine_differs",
                LABEL,
                f"{name} by {choice.engine}, as {', '.join(refused)} answers otherwise than "
                f"{next(iter(choice.measured))} on this processor",
                "Nothing has to be done; please report it with the output of this command.",
            )
        else:
            yield ok("engine", LABEL, f"{name} by {choice.in_words()}")


def _median_seconds(detector: FaceDetector, embedder: FaceEmbedder, image: object) -> float:
    """Of detecting and embedding on a drawn face of 640 x 360; memory is taken and kernels are chosen before."""
    taken = []
    for _ in range(_ROUNDS + 2):
        begun = time.perf_counter()
        embedder.embed(image, detector.detect(image))  # type: ignore[arg-type]
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken[2:])


def _measured(case: Case, loading: float, seconds: float) -> Iterator[Finding]:
    settings, rate = case.settings, 1 / seconds
    text = f"{rate:.1f} frames a second of 640 x 360 with one face ({1000 * seconds:.0f} ms each)"
    needed = settings.confirm_sightings / settings.confirm_window_seconds
    faster = (
        "End what else uses the processor, give the machine more cores or a GPU, or look for large faces only "
        f"(SMARTATTENDANCE_MIN_FACE_SIZE, now {settings.min_face_size})."
    )
    if rate < needed:
        yield problem(
            "too_slow",
            LABEL,
            f"{text}: {count(settings.confirm_sightings, 'sighting')} within {settings.confirm_window_seconds:g} "
            "seconds, which make a student present, cannot be had",
            faster,
        )
    elif rate < _FAST_ENOUGH:
        yield note("slow", LABEL, f"{text}: people must stand still before the camera for a moment", faster)
    else:
        yield ok("speed", LABEL, f"{text}; loading takes {loading:.0f} s at every start")


CHECKS = ((pictures, "OpenCV"), (recognition, LABEL))
