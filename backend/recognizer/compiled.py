"""Loops over pixels and boxes, compiled for the processor at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

F = TypeVar("F", bound=Callable[..., object])


def compiled(signature: str) -> Callable[[F], F]:
    """Decorator: compile a function of arrays and numbers for ``signature``, in numba's words. While it runs, other
    threads do too. What was compiled is kept beside the source, or in the user's cache where that cannot be written;
    where neither can, each process takes half a second for it."""

    def compile_it(function: F) -> F:
        try:
            return numba.njit(signature, nogil=True, cache=True)(function)  # type: ignore[no-any-return]
        except (RuntimeError, OSError):  # there is no place for a cache
            return numba.njit(signature, nogil=True)(function)  # type: ignore[no-any-return]

    return compile_it
