"""facenet-pytorch's networks, imported without what they never use.

facenet-pytorch imports torchvision, and one torchvision module (ops/roi_align) imports torch's compiler for a single
function: ``is_compile_supported``. The networks call neither, but the compiler takes as long to import as torch itself
(measured: 3.4 s of 7 s until a command starts to work). So torchvision is given a stand-in of that one function while
it is imported, and the stand-in is taken away again: whoever imports the compiler later gets the real one.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager

import torch  # noqa: F401  (first, with nothing standing in for anything)

_COMPILER, _HELPERS = "torch._dynamo", "torch._dynamo.utils"


@contextmanager
def _without_compiler() -> Iterator[None]:
    if _COMPILER in sys.modules or "torchvision" in sys.modules:  # too late to save anything
        yield
        return
    compiler, helpers = types.ModuleType(_COMPILER), types.ModuleType(_HELPERS)
    compiler.__path__ = []
    vars(compiler)["utils"] = helpers
    vars(helpers)["is_compile_supported"] = lambda device_type: False
    sys.modules |= {_COMPILER: compiler, _HELPERS: helpers}
    try:
        yield
    finally:
        for name, module in ((_COMPILER, compiler), (_HELPERS, helpers)):
            if sys.modules.get(name) is module:
                del sys.modules[name]


with _without_compiler():
    from facenet_pytorch import MTCNN, InceptionResnetV1
    from facenet_pytorch.models.inception_resnet_v1 import BasicConv2d

__all__ = ["MTCNN", "BasicConv2d", "InceptionResnetV1"]
