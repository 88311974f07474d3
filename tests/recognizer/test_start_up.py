"""What starting costs, and that saving on it changes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

BACKEND = Path(__file__).resolve().parents[2] / "backend"


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=BACKEND, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_torchs_compiler_is_not_imported_with_the_networks_and_can_be_afterwards() -> None:
    printed = python(
        "import sys, recognizer.engines.torch_engine\n"
        "print('torch._dynamo' in sys.modules)\n"
        "import torch._dynamo.utils\n"
        "print(torch._dynamo.utils.__file__ is not None, hasattr(torch._dynamo, 'optimize'))"
    )
    assert printed.splitlines() == ["False", "True True"]


@pytest.mark.parametrize("command", ["train_production_model", "test_production_model"])
def test_asking_for_help_does_not_wait_for_torch(command: str) -> None:
    code = f"import sys, {command}\n{command}.main(['--help'])\nprint('torch' in sys.modules)"
    assert python(code).splitlines()[-1] == "False"


def test_a_server_without_a_model_does_not_wait_for_scikit_learn() -> None:
    assert python("import sys, app\nprint(sorted({'sklearn', 'torch'} & set(sys.modules)))") == "[]"


def test_facenet_is_the_very_function_that_facenet_pytorch_computes(facenet_file: Path) -> None:
    from facenet_pytorch import InceptionResnetV1

    from recognizer.engines.torch_engine import TorchFaceNet

    crops = np.random.default_rng(5).integers(0, 256, (3, 160, 160, 3), dtype=np.uint8)
    theirs = InceptionResnetV1(pretrained=None, classify=False).eval()
    theirs.load_state_dict(torch.load(facenet_file, weights_only=True))
    with torch.no_grad():
        expected = theirs((torch.from_numpy(crops).permute(0, 3, 1, 2).float() - 127.5) / 128).numpy()
    cosines = (expected * TorchFaceNet(facenet_file, "cpu").forward(crops)).sum(axis=1)
    assert cosines.min() > 0.9999
