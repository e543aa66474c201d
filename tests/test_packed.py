"""The engine `packed`: exact where sums are exact, the same bits in every batch, no byte too many."""

import ctypes
import mmap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg.blas
from support import METHODS, OPERANDS, assert_close, assert_same, make_network, parts, random_array, run_python

import fastjac as fj

# Widths and activations: sweeps either way, a bottleneck where blocks meet, zeros of relu, and the
# dense derivatives of softmax.
NETWORKS = {
    "forward": ((3, 17, 33, 40), ["tanh"]),
    "reverse": ((40, 33, 17, 3), ["silu", "gelu"]),
    "meeting": ((30, 20, 2, 20, 30), ["tanh", "identity"]),
    "zeros": ((6, 50, 50, 5), ["relu", "hard_tanh", "leaky_relu"]),
    "zeros, meeting": ((30, 20, 9, 20, 30), ["relu"]),
    "zeros, few rows": ((2, 40, 40, 2), ["relu"]),
    "zeros, long sums": ((3, 150, 200, 70, 20), ["relu", "relu6", "soft_shrink"]),
    "parameters": ((4, 9, 9, 4), ["elu", "softplus"]),
    "dense": ((5, 9, 12, 7), ["softmax", "tanh", "log_softmax"]),
}


@pytest.fixture(params=NETWORKS)
def net(request, simd, dtype):
    widths, activations = NETWORKS[request.param]
    return make_network(widths, activations, dtype)


def test_engine_is_packed(net):
    assert net.engine == "packed"
    assert fj.Network(net.layers, engine="blas").engine == "blas"


def test_plans_have_the_intended_steps(dtype):
    kinds = {name: {step.kind for step in make_network(*NETWORKS[name], dtype).plan(2).steps} for name in NETWORKS}
    assert "forward" in kinds["forward"]
    assert "reverse" in kinds["reverse"]
    assert "meet" in kinds["meeting"]
    assert "meet" in kinds["zeros, meeting"]


def test_one_order_for_a_point_and_a_batch(net):
    assert net.plan(1).bracketing == net.plan(100).bracketing


def test_case_16_a_batch_of_one_is_the_point(net):
    x = random_array(net.n_in, net.dtype)
    for method in METHODS:
        for single, batch in zip(parts(method(net, x)), parts(method(net, x[None])), strict=True):
            assert_same(batch[0], single)


@pytest.mark.parametrize("operand", METHODS, ids=str)
def test_case_58_bits_do_not_depend_on_the_batch(net, operand):
    x = random_array((33, net.n_in), net.dtype)
    singles = [parts(operand(net, point)) for point in x]
    for n_points in range(1, 34):
        order = np.random.default_rng(n_points).permutation(33)[:n_points]
        for part, result in enumerate(parts(operand(net, x[order]))):
            assert_same(result, np.stack([singles[i][part] for i in order]))


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("operand", METHODS, ids=str)
def test_bits_do_not_depend_on_tiles_and_workers(net, operand, workers):
    x = random_array((1000, net.n_in), net.dtype)
    result = operand(net, x, workers=workers)
    assert_same(result, operand(net, x))
    for part, single in zip(parts(result), parts(operand(net, x[777])), strict=True):
        assert_same(part[777], single)


def test_bits_do_not_depend_on_the_layout_of_out(net):
    x = random_array((9, net.n_in), net.dtype)
    strided = np.full((9, 2 * net.n_out, 3 * net.n_in), np.nan, net.dtype)[:, ::2, ::3]
    assert_same(net.jacobian(x, out=strided).copy(), net.jacobian(x))


def test_case_31_a_nan_row_leaves_the_bits_of_the_others(net):
    x = random_array((20, net.n_in), net.dtype)
    before = net.jacobian(x)
    x[7, 0] = np.nan
    after = net.jacobian(x)
    others = np.arange(20) != 7
    assert_same(after[others], before[others])


def test_engines_agree(net):
    x = random_array((20, net.n_in), net.dtype)
    other = fj.Network(net.layers, dtype=net.dtype, engine="blas")
    for method in METHODS:
        assert_close(method(net, x), method(other, x))


# ---------------------------------------------------------------- shapes of tiles and panels


@pytest.mark.parametrize("order", ["forward", "reverse"])
@pytest.mark.parametrize("activation", ["identity", "relu"])
def test_small_integers_are_exact_in_every_shape(simd, dtype, order, activation):
    random = np.random.default_rng(0)
    for n in [*range(1, 34), 47, 48, 49, 72, 73, 96, 97]:
        W1, W2, W3 = (random.integers(-3, 4, shape).astype(dtype) for shape in ((5, n), (n, n + 1), (n + 1, 4)))
        b = random.integers(-3, 4, n).astype(dtype)
        net = fj.Network([(W1, b, activation), (W2, None, activation), (W3,)], order=order)
        x = random.integers(-3, 4, (11, 5)).astype(dtype)
        h1 = x @ W1 + b
        a1, d1 = (np.maximum(h1, 0), h1 > 0) if activation == "relu" else (h1, np.ones_like(h1))
        h2 = a1 @ W2
        a2, d2 = (np.maximum(h2, 0), h2 > 0) if activation == "relu" else (h2, np.ones_like(h2))
        y, J = net.value_and_jacobian(x)
        assert np.array_equal(y, a2 @ W3)
        assert np.array_equal(J, np.einsum("ko,pk,jk,pj,ij->poi", W3, d2, W2, d1, W1, optimize=True))


@pytest.mark.parametrize("order", [((4, 3), (2, 1)), (4, ((3, 2), 1)), ((4, (3, 2)), 1), (((4, 3), 2), 1)], ids=str)
def test_meetings_of_small_integers_are_exact(simd, dtype, order):
    random = np.random.default_rng(1)
    for n in (1, 2, 7, 8, 9, 17, 25):
        widths = (n, 6, n + 3, 5, n + 1)
        weights = [random.integers(-2, 3, shape).astype(dtype) for shape in zip(widths, widths[1:])]
        net = fj.Network([(W,) for W in weights], order=order)
        J = np.linalg.multi_dot([W.astype(int) for W in weights]).T
        assert np.array_equal(net.jacobian(random.integers(-2, 3, (3, n))), np.broadcast_to(J, (3, *J.shape)))


# ---------------------------------------------------------------- memory


def array_before_unreadable_page(shape, dtype):
    """An array that ends where a page begins that must be neither read nor written."""
    nbytes = int(np.prod(shape)) * dtype.itemsize
    n_pages = -(-nbytes // mmap.PAGESIZE)
    memory = mmap.mmap(-1, (n_pages + 1) * mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    assert protect(address + n_pages * mmap.PAGESIZE, mmap.PAGESIZE, 0) == 0
    return np.frombuffer(memory, dtype, int(np.prod(shape)), n_pages * mmap.PAGESIZE - nbytes).reshape(shape)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mprotect"), reason="needs mprotect")
@pytest.mark.parametrize("leading", [(), (1,), (5,)], ids=str)
@pytest.mark.parametrize("operand", OPERANDS, ids=str)
def test_case_21_arrays_that_end_at_an_unreadable_page(build, dtype, operand, leading):
    for widths in ((3, 5, 2), (8, 9, 16), (17, 4, 1)):
        net = make_network(widths, ["tanh", "identity"], dtype)
        array = array_before_unreadable_page((*leading, operand.width(net)), dtype)
        array[...] = random_array(array.shape, dtype)
        shapes = operand.shapes(net, leading)
        out = operand.as_out([array_before_unreadable_page(shape, dtype) for shape in shapes])
        assert_same(operand(net, array, out=out), operand(net, array.copy()))


# ---------------------------------------------------------------- threads


def test_case_51_eight_threads_on_one_network(build, dtype):
    net = make_network((5, 20, 20, 4), ["tanh", "relu"], dtype)
    x = random_array((1000, 5), dtype)
    expected = [net.jacobian(point) for point in x]

    def work(_):
        return all(np.array_equal(net.jacobian(point), J) for point, J in zip(x, expected))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_case_52_beside_products_of_scipy(build):
    net = make_network((30, 100, 100, 20), ["tanh"])
    x, A = random_array((50, 30)), random_array((200, 200))
    expected, product = net.jacobian(x), scipy.linalg.blas.dgemm(1.0, A, A)

    def multiply():
        return [scipy.linalg.blas.dgemm(1.0, A, A, trans_b=k % 2) for k in range(100)][::2]

    with ThreadPoolExecutor(3) as pool:
        products = [pool.submit(multiply) for _ in range(2)]
        jacobians = [pool.submit(net.jacobian, x) for _ in range(30)]
        for jacobian in jacobians:
            assert_same(jacobian.result(), expected)
    # SciPy's own results are its own affair; only that ours run beside them is tested.
    assert all(np.shape(P) == product.shape for result in products for P in result.result())


ALLOCATIONS = """
import tracemalloc
import numpy as np
import fastjac as fj
from support import make_network, random_array

for dtype in (np.float32, np.float64):
    net = make_network((5, 50, 30, 4), ["tanh", "relu"], dtype)
    for shape in ((), (3,)):
        x, v, w = (random_array((*shape, n), dtype) for n in (5, 5, 4))
        y, J = net.value_and_jacobian(x)
        both = y, J
        for call in (
            lambda: net(x, out=y), lambda: net.jacobian(x, out=J), lambda: net.value_and_jacobian(x, out=both),
            lambda: net.jvp(x, v, out=y), lambda: net.vjp(x, w, out=v),
        ):
            call()
            tracemalloc.start()
            call()
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            call()
            # The smallest array takes more than this.
            assert tracemalloc.get_traced_memory()[1] - before < 64, (shape, dtype)
            tracemalloc.stop()
print("none")
"""


def test_calls_with_out_allocate_nothing():
    assert run_python(ALLOCATIONS, PYTHONPATH=str(Path(__file__).parent)) == "none\n"
