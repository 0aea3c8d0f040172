"""How the functions of the hot loop are compiled, and where the compiled form is kept.

Parts of the hot loop are inlined and compiled without Numba's reference counting: its atomic counters cost a locked
instruction for each array touched, which is most of the time of a command. Only entry points are cached on disk. Numba
looks at the entry point's own file alone to see whether a cached form is stale, so the cache directory carries a digest
of every source file that may end up in the loop: change any of them and the next start compiles anew.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numba

HERE = Path(__file__).parent
PACKAGES = tuple(HERE / name for name in ("matching", "risk", "ledger"))
"""Packages whose functions are compiled into one another."""

COMMON = {"boundscheck": False, "error_model": "numpy", "_nrt": False}


def cache_directory() -> Path:
    """Directory of the compiled entry points: below NUMBA_CACHE_DIR when set, else beside Python's own cache."""
    digest = hashlib.blake2b(digest_size=8)
    for package in PACKAGES:
        for source in sorted(package.glob("*.py")):
            digest.update(source.read_bytes())
    base = Path(numba.config.CACHE_DIR) if numba.config.CACHE_DIR else HERE / "__pycache__"
    return base / f"compiled-{digest.hexdigest()}"


CACHE_DIRECTORY = cache_directory()


def inlined(function: Callable) -> Callable:
    """Compile `function` into each of its callers."""
    return numba.njit(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, **COMMON)(function)


def called(function: Callable) -> Callable:
    """Compile `function` once for several callers: rare paths that would only make the hot loop longer."""
    return numba.njit(inline="never", no_cpython_wrapper=True, no_cfunc_wrapper=True, **COMMON)(function)


def entry(function: Callable) -> Callable:
    """Compile `function` for calls from Python and keep the compiled form on disk."""
    previous = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(CACHE_DIRECTORY)
    try:
        return numba.njit(cache=True, **COMMON)(function)
    finally:
        numba.config.CACHE_DIR = previous


def direct(function: Callable, *arguments: object) -> Callable:
    """The compiled form of an entry point for arguments of these types; calls it once, so they must be harmless.

    Numba looks at the types of every argument of every call, which takes longer than a short batch. The form returned here does not: it
    must only be called with arguments of the very same types.
    """
    function(*arguments)
    return function.overloads[tuple(numba.typeof(argument) for argument in arguments)].entry_point
