"""Fixtures: every SIMD build that this machine has, both dtypes, every array argument of every method."""

import signal

import numpy as np
import pytest
from builds import BUILDS, selected
from hypothesis import settings
from support import OPERANDS

from fastjac.kernels import dispatch

# A shell that starts the tests in the background has them ignore Ctrl-C, and with them the processes that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The machines that run the tests may be slow and busy: an example that takes long is no failure.
settings.register_profile("fastjac", deadline=None, max_examples=50)
settings.load_profile("fastjac")


@pytest.fixture(params=BUILDS)
def build(request):
    """A SIMD build or an engine; networks that the test makes use it."""
    with selected(request.param):
        yield request.param


@pytest.fixture(params=BUILDS[-2:])
def engine(request):
    """The best SIMD build, or the engine `blas`; networks that the test makes use it."""
    with selected(request.param):
        yield request.param


@pytest.fixture(params=dispatch.available())
def simd(request):
    """Name of a SIMD build; networks that the test makes use it."""
    with selected(request.param):
        yield request.param


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture(params=OPERANDS, ids=str)
def operand(request):
    """An array argument of a method of a network; see `support.Operand`."""
    return request.param


@pytest.fixture(params=[(), (7,), (3, 5)], ids=["point", "batch", "grid"])
def leading(request):
    """Leading dimensions of points."""
    return request.param
