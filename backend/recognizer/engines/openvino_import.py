"""OpenVINO, imported without its reports to Google Analytics.

Unless told otherwise, OpenVINO reports there whenever it is imported and whenever it converts a network, and keeps a
number for the machine in the user's home. It does so through the package openvino-telemetry, and does without where
that is not installed; which is what it finds here.
"""

from __future__ import annotations

import sys

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # what Python takes for "cannot be imported"

import openvino as ov  # noqa: E402

__all__ = ["ov"]
