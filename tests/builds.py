"""What a network may be made with: every SIMD build that this machine has, and both engines."""

from contextlib import contextmanager

from fastjac import network
from fastjac.kernels import dispatch

BEST = dispatch.available()[-1]

# Each build with the engine that a network takes by itself, and the best build with the engine `blas`,
# whose products do not depend on the build.
BUILDS = (*dispatch.available(), "blas")


@contextmanager
def selected(build):
    """Networks that are made inside use this one of `BUILDS`."""
    before = dispatch.simd_level(), network.AUTOMATIC
    dispatch.select(BEST if build == "blas" else build)
    if build == "blas":
        network.AUTOMATIC = "blas"
    try:
        yield
    finally:
        dispatch.select(before[0])
        network.AUTOMATIC = before[1]
