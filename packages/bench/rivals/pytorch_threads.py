"""How many threads compute. PyTorch has threads of its own, and, unless it was built with MKL, so has its BLAS, which
`torch.set_num_threads` does not reach: "one thread" would be as many as there are cores in every matrix product."""
import ctypes

import torch

SETTERS = ("openblas_set_num_threads", "openblas_set_num_threads64_", "bli_thread_set_num_threads")


def _setters():
    try:
        with open("/proc/self/maps") as maps:
            paths = {line.split()[-1] for line in maps if "blas" in line or "blis" in line}
    except OSError:
        return []
    libraries = [ctypes.CDLL(path) for path in sorted(paths) if ".so" in path]
    return [getattr(library, name) for library in libraries for name in SETTERS if hasattr(library, name)]


def use_threads(own, blas):
    """Threads of PyTorch itself, and of the BLAS under it."""
    torch.set_num_threads(own)
    for setter in _setters():
        setter(blas)


def ways_to_use(count):
    """Where `count` threads may be: in both, which get in each other's way, or in one of the two."""
    return [(count, count), (count, 1), (1, count)] if _setters() else [(count, count)]
