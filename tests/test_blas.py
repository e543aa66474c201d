"""Products in pieces: exact where sums are exact, whatever the shape, and in the calling thread."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import run_python

import fastjac as fj

# Shapes (m, n, k) of products below, at and above the sizes at which they are cut.
SHAPES = [
    (1, 1, 1), (1, 9216, 1), (1, 9217, 1), (1, 1, 9217), (1, 96, 96), (1, 96, 97), (1, 97, 200), (1, 20000, 3),
    (2, 9000, 30), (64, 64, 64), (64, 64, 65), (65, 64, 64), (63, 129, 130), (3, 700, 260), (31, 200, 300),
    (32, 64, 129), (33, 64, 129), (130, 130, 130), (200, 5, 2000), (1000, 17, 33), (5000, 2, 60),
]


def small_integers(shape, dtype, seed):
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_value_of_a_linear_layer(dtype, shape):
    m, n, k = shape
    x, W, b = small_integers((m, k), dtype, 0), small_integers((k, n), dtype, 1), small_integers(n, dtype, 2)
    net = fj.Network([fj.Layer(W, b)], engine="blas")
    assert np.array_equal(net(x), x.astype(int) @ W.astype(int) + b.astype(int))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("order", ["forward", "reverse"])
def test_jacobian_of_two_linear_layers(dtype, shape, order):
    # Forward: the rows of the product are the inputs. Reverse: they are the outputs.
    m, n, k = shape
    widths = (m, k, n) if order == "forward" else (n, k, m)
    W1, W2 = small_integers(widths[:2], dtype, 0), small_integers(widths[1:], dtype, 1)
    net = fj.Network([fj.Layer(W1), fj.Layer(W2)], order=order, engine="blas")
    assert np.array_equal(net.jacobian(np.zeros(widths[0], dtype)), W2.T.astype(int) @ W1.T.astype(int))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_meeting_blocks(dtype, shape):
    # (A4 A3)(A2 A1) with A4 and A1 the identity: every combination of orientations is planned somewhere.
    m, n, k = shape
    if max(m, n) > 1500:
        m, n = min(m, 40), min(n, 50)
    left, right = small_integers((k, m), dtype, 0), small_integers((n, k), dtype, 1)
    net = fj.Network([fj.Layer(right), fj.Layer(left)], order=(2, 1), engine="blas")
    meeting = fj.Network(
        [fj.Layer(np.eye(n, dtype=dtype)), fj.Layer(right), fj.Layer(left), fj.Layer(np.eye(m, dtype=dtype))],
        order=((4, 3), (2, 1)), engine="blas",
    )
    expected = left.T.astype(int) @ right.T.astype(int)
    for points in (np.zeros(n, dtype), np.zeros((3, n), dtype)):
        for network in (net, meeting):
            assert np.array_equal(network.jacobian(points), np.broadcast_to(expected, (*points.shape[:-1], m, n)))


@settings(max_examples=25)
@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 200), st.sampled_from(["float32", "float64"]),
       st.integers(0, 3))
def test_products_of_any_shape(m, n, k, dtype, seed):
    x, W = small_integers((m, k), dtype, seed), small_integers((k, n), dtype, seed + 1)
    net = fj.Network([fj.Layer(W)], engine="blas")
    y = net(x)
    assert np.array_equal(y, x.astype(int) @ W.astype(int))
    assert np.array_equal(net.jvp(np.zeros(k, dtype), x), y)
    assert np.array_equal(net.vjp(np.zeros(k, dtype), y), y.astype(int) @ W.T.astype(int))


IN_THE_CALLING_THREAD = """
import time
import numpy as np
import fastjac as fj

net = fj.Network([fj.Layer(np.ones((500, 500)) / 500, None, "tanh") for _ in range(4)], engine="blas")
points = np.ones((40, 500))
net.jacobian(points[0])
all_threads, this_thread = time.process_time(), time.thread_time()
for _ in range(2):
    net.jacobian(points[0])
    net(points)
    net.jvp(points, points)
all_threads, this_thread = time.process_time() - all_threads, time.thread_time() - this_thread
assert all_threads - this_thread < 0.1 * this_thread + 0.02, (all_threads, this_thread)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts the work of threads as Linux does")
def test_blas_starts_no_threads():
    run_python(IN_THE_CALLING_THREAD)
