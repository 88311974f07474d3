"""What the demo needs of a server: the part of ``app``'s services that it prepares a school with."""

from __future__ import annotations

from typing import Protocol

from attendance.clock import Clock
from attendance.database import Database
from attendance.policy import Policy
from operations.enrolment import Enrolment
from operations.inference import InferenceGate
from operations.models import Models
from operations.recognition import Recognizer
from operations.retention import Retention
from operations.trainings import Trainings


class Services(Protocol):
    """As ``app.services_of`` gives them."""

    policy: Policy
    database: Database
    clock: Clock
    recognizer: Recognizer
    inference: InferenceGate
    models: Models
    trainings: Trainings
    enrolment: Enrolment
    retention: Retention
