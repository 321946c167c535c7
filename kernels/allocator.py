"""Keeps freed memory in the process: XLA:CPU asks malloc for its temporaries at every call.

glibc hands large blocks back to the kernel when they are freed, so each step of a model faults
its pages in again, one by one; that costs more than the arithmetic (engine.md 3.5). Three of
glibc's own settings stop it, and one advice to the kernel makes the pages large. All of it works
from inside the running process: no preloaded library, no second start.
"""

import ctypes
import ctypes.util
import logging
import sys

logger = logging.getLogger(__name__)

# Parameters of mallopt(3), glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_TOP_PAD = -2
M_MMAP_MAX = -4
M_ARENA_MAX = -8
NEVER_TRIM = 2**31 - 1
# Address space reserved at the top of the heap in one go and advised as large pages. It costs
# nothing until it is touched.
HEAP_RESERVE_BYTES = 2**31 - 2**21
MADV_HUGEPAGE = 14
LARGE_PAGE_BYTES = 2**21


def keep_freed_memory() -> bool:
    """Tunes this process's malloc; call once, before JAX allocates anything.

    Returns:
        True where it took effect; False where malloc is not glibc's (macOS, Windows, musl, or a
        preloaded jemalloc, which needs none of this), with nothing changed.
    """
    libc = _glibc()
    if libc is None:
        return False
    # One arena: only the first can grow to any size, and threads would spread over the others.
    settings = ((M_ARENA_MAX, 1), (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, NEVER_TRIM))
    if not all(libc.mallopt(name, value) == 1 for name, value in settings):
        return False
    _reserve_large_pages(libc)
    logger.info("malloc keeps freed memory (glibc mallopt)")
    return True


def _glibc() -> ctypes.CDLL | None:
    """The process's own C library if it is glibc and its malloc has not been replaced."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version") or hasattr(libc, "mallctl"):
        return None
    return libc


def _reserve_large_pages(libc: ctypes.CDLL) -> None:
    """Grows the heap once by HEAP_RESERVE_BYTES and asks for large pages there; best effort.

    The advice belongs to a range of addresses, so the heap must grow before it is given.
    """
    libc.mallopt(M_TOP_PAD, HEAP_RESERVE_BYTES)
    libc.sbrk.restype = ctypes.c_void_p
    libc.sbrk.argtypes = (ctypes.c_ssize_t,)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = (ctypes.c_size_t,)
    libc.free.argtypes = (ctypes.c_void_p,)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    before = libc.sbrk(0)
    # More than any free block of a young heap: the allocation has to move its top.
    libc.free(libc.malloc(2**28))
    end = libc.sbrk(0)
    start = -(-before // LARGE_PAGE_BYTES) * LARGE_PAGE_BYTES
    if end > start:
        libc.madvise(start, end - start, MADV_HUGEPAGE)
    libc.mallopt(M_TOP_PAD, LARGE_PAGE_BYTES)
