"""Cases 44 to 50: sizes and memory."""

import contextlib
import ctypes
import mmap
import os
import platform
import threading

import numpy as np
import pytest
from support import assert_close, assert_same, make_mixed, make_network, parts, random_array, reference, run_python

import fastjac as fj


@pytest.mark.parametrize("shape", [(2**31, 1), (1, 2**31), (2**40, 2)], ids=str)
def test_case_44_dimension_beyond_blas(shape):
    with pytest.raises(ValueError, match=str(max(shape))):
        fj.Layer(np.broadcast_to(np.float32(0), shape))
    with pytest.raises(ValueError, match=str(max(shape))):
        fj.Layer(np.ones((1, 3)), np.broadcast_to(np.float32(0), max(shape)))


@pytest.mark.parametrize("n_points", [2**40, 2**57])
@pytest.mark.parametrize("workers", [1, 2])
def test_case_45_result_beyond_memory(operand, dtype, n_points, workers, engine):
    net = make_mixed(dtype)
    point = random_array(operand.width(net), dtype)
    many = np.broadcast_to(point, (n_points, len(point)))
    with pytest.raises(MemoryError) as error:
        operand(net, many, workers=workers)
    nbytes = n_points * dtype.itemsize * int(np.prod(operand.shapes(net, ())[0]))
    assert f"{nbytes:,} bytes" in str(error.value)
    assert str(n_points) in str(error.value)
    assert_same(operand(net, point), operand(make_mixed(dtype), point))


def test_case_45_leading_dimensions_beyond_memory_by_broadcasting(dtype, engine):
    net = make_mixed(dtype)
    x = np.broadcast_to(np.zeros(4, dtype), (2**30, 1, 4))
    v = np.broadcast_to(np.ones(4, dtype), (1, 2**30, 4))
    with pytest.raises(MemoryError, match=f"{2**60 * 5 * dtype.itemsize:,} bytes"):
        net.jvp(x, v)
    assert net.jvp(x[0], v[0, :3]).shape == (3, 5)


def test_case_45_one_jacobian_beyond_memory(dtype, engine):
    # The weights are small; the Jacobian of (n, 1, n) is not.
    n = 4_000_000
    net = fj.Network([fj.Layer(np.ones((n, 1), dtype)), fj.Layer(np.ones((1, n), dtype))], dtype=dtype)
    x = np.zeros(n, dtype)
    for points in (x, x[None], [x.tolist()[:1] * n]):
        with pytest.raises(MemoryError):
            net.jacobian(points)
    assert (net(x) == 0).all()
    assert (net.vjp(x, np.ones(n, dtype)) == n).all()


@contextlib.contextmanager
def mostly_shared_memory(nbytes, apart):
    """An array of `nbytes` bytes, of which only those around the offsets `apart` have memory of their own.

    All the rest is one piece of memory that is mapped again and again.
    """
    piece = 32 * 2**20
    n_pieces = -(-nbytes // piece)
    own = {offset // piece + i for offset in apart for i in (-1, 0, 1)}
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    failed = ctypes.c_void_p(-1).value
    readable_writable = mmap.PROT_READ | mmap.PROT_WRITE
    private, fixed = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 0x10
    file = os.memfd_create("piece")
    os.truncate(file, piece)
    base = libc.mmap(None, n_pieces * piece, 0, private, -1, 0)
    assert base != failed
    try:
        for i in range(n_pieces):
            flags, source = (private, -1) if i in own else (mmap.MAP_SHARED, file)
            address = libc.mmap(base + i * piece, piece, readable_writable, flags | fixed, source, 0)
            assert address == base + i * piece
        yield np.frombuffer((ctypes.c_char * nbytes).from_address(base), np.uint8)
    finally:
        libc.munmap(base, n_pieces * piece)
        os.close(file)


@pytest.mark.skipif(platform.system() != "Linux", reason="maps memory as Linux does")
@pytest.mark.parametrize("method", ["jacobian", "strided"])
def test_case_46_more_than_two_to_the_31_elements(method, engine):
    m, n = 512, 256
    rng = np.random.default_rng(0)
    net = fj.Network([fj.Layer(rng.standard_normal((n, m)).astype(np.float32), activation="relu")])
    edge = 2**31 // (m * n)
    n_points = edge + 3
    x = np.zeros((n_points, n), np.float32)
    # Both ends, 2³¹ bytes, 2³² bytes, 2³¹ elements.
    samples = [0, 1, edge // 4 - 1, edge // 4, edge // 2 - 1, edge // 2, edge - 1, edge, edge + 1, edge + 2]
    x[samples] = rng.standard_normal((len(samples), n))
    apart = [4 * i * m * n for i in samples]
    with mostly_shared_memory(4 * n_points * m * n, apart) as memory:
        J = memory.view(np.float32).reshape(n_points, m, n)
        if method == "strided":
            J = J.reshape(n_points, n, m).swapaxes(1, 2)
        assert J.size > 2**31
        net.jacobian(x, out=J)
        for i in samples:
            expected = net.jacobian(x[i])
            assert expected.any()
            assert np.array_equal(J[i], expected)
        del memory, J


@pytest.mark.parametrize("workers", [1, 2])
def test_ten_million_points(engine, workers):
    net = make_network((2, 3, 1), ["tanh", "identity"], "float32")
    x = np.random.default_rng(0).uniform(-2, 2, (10_000_000, 2)).astype(np.float32)
    J = net.jacobian(x, workers=workers)
    assert J.shape == (10_000_000, 1, 2)
    (W1, b1), (W2, _) = ((layer.W.astype(np.float32), layer.b.astype(np.float32)) for layer in net.layers)
    # All of them to some digits, a piece at a time, and single points to the last bit.
    for first in range(0, len(x), 1_000_000):
        a = np.tanh(x[first:first + 1_000_000] @ W1 + b1)
        assert abs(J[first:first + 1_000_000, 0] - ((1 - a * a) * W2[:, 0]) @ W1.T).max() < 1e-5
    for i in [*range(5), *range(4_999_998, 5_000_002), *range(len(x) - 5, len(x))]:
        # The bits of a point alone are promised by the engine `packed`.
        (assert_close if engine == "blas" else assert_same)(J[i], net.jacobian(x[i]))


FAILING_ALLOCATIONS = """
import gc, resource, sys, traceback
import _testcapi
import numpy as np
import fastjac as fj

rng = np.random.default_rng(0)
layers = [fj.Layer(rng.standard_normal((n, m)), None, name)
          for n, m, name in ((4, 90, "tanh"), (90, 30, "softmax"), (30, 50, "relu"))]
x, strided = rng.standard_normal((40, 4)), rng.standard_normal((40, 8))[:, ::2]
v, w = rng.standard_normal((40, 4)), rng.standard_normal((40, 50))
y, J = np.empty((40, 50)), np.empty((40, 4, 50)).swapaxes(1, 2)
net = fj.Network(layers)
fresh = []
plain = {
    "point": lambda: net.jacobian(x[0]),
    "value": lambda: net(x),
    "batch": lambda: net.jacobian(x),
    "jvp": lambda: net.jvp(x, v),
    "vjp": lambda: net.vjp(x, w),
}
# These run functions in Python on their way. CPython from 3.12 on may release the code of a function
# twice that finds no memory, and crash.
others = {
    "make": lambda: fj.Network(layers),
    "first jacobian": lambda: fresh[0].jacobian(x[0]),
    "strided": lambda: net.value_and_jacobian(strided),
    "out": lambda: net.value_and_jacobian(strided, out=(y, J)),
    "list": lambda: net.jacobian([[1.0, 2.0, 3.0, 4.0]]),
    "broadcast": lambda: net.jvp(x, v[0]),
}

def fail_every_allocation(call):
    "Calls until nothing fails: the number of failures, all of them clean."
    failures = 0
    for k in range(1, 100_000):
        fresh[:] = [fj.Network(layers)]
        try:
            # The k-th allocation fails; what comes after it has memory again.
            _testcapi.set_nomemory(k, k + 1)
            try:
                call()
            finally:
                _testcapi.remove_mem_hooks()
        except MemoryError:
            failures += 1
        except SystemError as error:
            # CPython and NumPy have functions that fail without saying why. Ours may not.
            assert not traceback.extract_tb(error.__traceback__)[-1].filename.endswith(".pyx")
            failures += 1
        # Nor is a block that is only wanted for a cache missed.
        if k > failures + 100:
            return failures

expected = net.jacobian(x).tobytes()
for name, call in (plain | (others if sys.version_info < (3, 12) else {})).items():
    assert fail_every_allocation(call) > 0, name
    # The first times make the plans, and Cython keeps what it needs for tracebacks.
    for _ in range(3):
        fail_every_allocation(call)
    gc.collect()
    blocks, peak = sys.getallocatedblocks(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(5):
        fail_every_allocation(call)
    gc.collect()
    # Python loses some small blocks itself where a function written in it finds no memory.
    if name in plain:
        assert sys.getallocatedblocks() - blocks < 5, name
    # A workspace for 40 points is 50 kB and more; dozens of calls have failed.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 4096, name
    assert net.jacobian(x).tobytes() == expected
print("clean")
"""


@pytest.mark.skipif(platform.system() != "Linux", reason="reads the peak of memory in units of Linux")
def test_case_47_every_allocation_fails_once():
    pytest.importorskip("_testcapi", reason="this Python comes without _testcapi")
    assert run_python(FAILING_ALLOCATIONS) == "clean\n"


@pytest.mark.parametrize("layers", [[], ()], ids=repr)
def test_case_48_no_layers(layers):
    with pytest.raises(ValueError, match="at least one layer"):
        fj.Network(layers)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_case_48_no_width(shape):
    with pytest.raises(ValueError, match=rf"\({shape[0]}, {shape[1]}\)"):
        fj.Layer(np.empty(shape))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (3, 5), (64, 33), (300, 200)], ids=str)
@pytest.mark.parametrize("order", ["auto", "forward", "reverse"])
def test_case_49_one_linear_layer(dtype, build, leading, shape, order):
    W = random_array(shape, dtype)
    net = fj.Network([fj.Layer(W)], order=order)
    J = net.jacobian(np.zeros((*leading, shape[0]), dtype))
    assert_same(J, np.broadcast_to(W.T, (*leading, *W.T.shape)).copy())


def call_with_small_stack(function, nbytes=512 * 1024):
    """The result of `function` in a thread of a small stack."""
    results = []
    before = threading.stack_size(nbytes)
    try:
        thread = threading.Thread(target=lambda: results.append(function()))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    return results[0]


def test_case_50_a_thousand_layers(operand, dtype, leading, engine):
    net = make_network([3] * 1001, ["identity", "tanh"], dtype, gain=0.5)
    assert len(net.layers) == 1000
    a = random_array((*leading, operand.width(net)), dtype)
    result = call_with_small_stack(lambda: operand(net, a))
    assert all(np.isfinite(part).all() for part in parts(result))


def test_case_50_a_thousand_layers_are_right(dtype, engine):
    # Rotations keep the size of the product whatever the depth.
    angles = np.random.default_rng(0).uniform(0, 7, 1000)
    rotations = [np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]).astype(dtype) for t in angles]
    wanted = np.eye(2, dtype=np.longdouble)
    for R in rotations:
        wanted = R.T @ wanted
    for order in ("auto", "forward", "reverse"):
        net = fj.Network([fj.Layer(R) for R in rotations], dtype=dtype, order=order)
        J = call_with_small_stack(lambda net=net: net.jacobian(np.zeros((4, 2), dtype)))
        np.testing.assert_allclose(J, np.broadcast_to(wanted, J.shape), rtol=0, atol=500 * np.finfo(dtype).eps)


@pytest.mark.parametrize("order", ["auto", "forward", "reverse"])
def test_case_50_width_100_000(dtype, order, engine):
    n = 100_000
    net = make_network((3, n, 2), ["tanh", "identity"], dtype, order=order)
    x = random_array((2, 3), dtype)
    y, J = call_with_small_stack(lambda: net.value_and_jacobian(x))
    wanted_y, wanted_J = zip(*(two_layers(net, point) for point in x))
    assert_close(y, np.array(wanted_y, dtype), factor=2000)
    assert_close(J, np.array(wanted_J, dtype), factor=2000)
    for point, Jv, gw in zip(x, net.jvp(x, x), net.vjp(x, x[:, :2]), strict=True):
        _, J = two_layers(net, point)
        assert_close(Jv, (J @ point).astype(dtype), factor=2000)
        assert_close(gw, (point[:2] @ J).astype(dtype), factor=2000)


def two_layers(net, x):
    """Value and Jacobian of tanh and identity, without the diagonal of 100,000 columns."""
    (W1, b1), (W2, b2) = (
        (layer.W.astype(net.dtype).astype(np.longdouble), layer.b.astype(net.dtype)) for layer in net.layers
    )
    a = np.tanh(W1.T @ x + b1)
    return W2.T @ a + b2, (W2.T * (1 - a**2)) @ W1.T


def test_case_50_two_layers_agree_with_the_general_reference(dtype, engine):
    net = make_network((3, 40, 2), ["tanh", "identity"], dtype)
    x = random_array(3, dtype)
    for quick, general in zip(two_layers(net, x), reference(net, x), strict=True):
        np.testing.assert_allclose(quick.astype(float), general.astype(float), rtol=1e-12)
