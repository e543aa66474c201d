"""The C interface: every function through the header, status codes, handles that outlive Python's objects."""

import ctypes
import gc
import platform
import re
import shutil
import textwrap
import weakref
from pathlib import Path

import numpy as np
import pytest
from exported import FAST, STRICT, needs_gcc, run
from support import assert_close, assert_same, make_network, random_array, run_python

import fastjac as fj
from fastjac import cython_api
from fastjac.cfunctions import SIGNATURES

HERE = Path(__file__).parent
NETWORKS = {
    "mixed": ((4, 9, 3, 8, 5), ["tanh", "identity", "softmax", "relu"]),
    "dense": ((5, 9, 7), ["softmax", "log_softmax"]),
    "one layer": ((3, 4), ["tanh"]),
    "wide": ((6, 50, 50, 30), ["relu", "silu", "identity"]),
}
OK, NULL_POINTER, WRONG_DTYPE, WRONG_SIZE, SHORT_WORKSPACE, WRONG_ABI = range(6)


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    """The C file of the tests, compiled as strictly as it gets, by the compilers that are here."""
    folder = tmp_path_factory.mktemp("host")
    for compiler in filter(shutil.which, ("clang", "gcc")):
        run(compiler, *STRICT, "-Wdocumentation" if compiler == "clang" else "-Wall", *FAST, "-fPIC", "-shared",
            "-I", fj.get_include(), HERE / "capi" / "host.c", "-pthread", "-o", folder / "host.so")
    library = ctypes.CDLL(str(folder / "host.so"))
    library.message.restype = ctypes.c_char_p
    library.retain.restype = ctypes.c_void_p
    library.workspace_nbytes.restype = ctypes.c_size_t
    library.size_of.restype = ctypes.c_ssize_t
    return library


@pytest.fixture(params=NETWORKS)
def net(request, dtype):
    return make_network(*NETWORKS[request.param], dtype)


def suffix(net):
    return "f64" if net.dtype == np.float64 else "f32"


def pointers(*arrays):
    return [ctypes.c_void_p(array.ctypes.data) for array in arrays]


def handle_of(net):
    return ctypes.c_void_p(net.ctypes.handle)


class Guarded:
    """A workspace of a size, with bytes behind it that are not to be touched."""

    def __init__(self, nbytes):
        self.array = np.full(nbytes + 64, 171, np.uint8)
        self.arguments = ctypes.c_void_p(self.array.ctypes.data), ctypes.c_size_t(nbytes)

    def check(self):
        assert np.all(self.array[-64:] == 171), "wrote beyond the workspace"


def call_all(host, net, n_points, work):
    """Every function of the header, once; (y, J, u, g)."""
    random = np.random.default_rng(3)
    leading = () if n_points is None else (n_points,)
    x, v, w = (random.standard_normal((*leading, n)).astype(net.dtype) for n in (net.n_in, net.n_wrt, net.n_out))
    y, J, u, g = (np.full((*leading, *shape), np.nan, net.dtype)
                  for shape in ((net.n_out,), (net.n_wrt, net.n_out), (net.n_out,), (net.n_wrt,)))
    name = "call_all" if n_points is None else "call_all_points"
    count = () if n_points is None else (ctypes.c_ssize_t(n_points),)
    function = getattr(host, f"{name}_{suffix(net)}")
    status = function(handle_of(net), *count, *pointers(x, v, w, y, J, u, g), *work.arguments)
    assert status == OK, host.message(status)
    work.check()
    return (x, v, w), (y, J.swapaxes(-1, -2), u, g)


@needs_gcc
@pytest.mark.parametrize("n_points", [None, 1, 2, 500])
def test_every_function_through_the_header(host, net, n_points):
    (x, v, w), results = call_all(host, net, n_points, Guarded(net.ctypes.workspace_nbytes(n_points or 1)))
    y, J = net.value_and_jacobian(x)
    assert_same(results[:2], (y, J))
    assert_same(results[2:], (net.jvp(x, v), net.vjp(x, w)))


@needs_gcc
def test_selections(host, dtype):
    for choice in ({"wrt": [3, 1]}, {"outputs": slice(1, 4)}, {"wrt": [0], "outputs": [0]}):
        for name in ("mixed", "dense"):
            part = make_network(*NETWORKS[name], dtype).select(**choice)
            (x, v, w), results = call_all(host, part, 20, Guarded(part.ctypes.workspace_nbytes(20)))
            assert_same(results, (*part.value_and_jacobian(x), part.jvp(x, v), part.vjp(x, w)))
            assert host.size_of(handle_of(part), 1) == part.n_wrt


@needs_gcc
def test_every_build_and_engine(host, simd, dtype):
    for engine in ("packed", "blas"):
        net = make_network(*NETWORKS["wide"], dtype, engine=engine)
        (x, v, w), results = call_all(host, net, 60, Guarded(net.ctypes.workspace_nbytes(60)))
        assert_close(results, (*net.value_and_jacobian(x), net.jvp(x, v), net.vjp(x, w)))


@needs_gcc
def test_any_workspace_from_that_of_one_point_upwards(host, net):
    bits = None
    for n in (1, 2, 3, 7, 200):
        _, results = call_all(host, net, 200, Guarded(net.ctypes.workspace_nbytes(n)))
        bits = bits or results
        assert_same(results, bits)


@needs_gcc
def test_an_unaligned_workspace(host, net):
    work = Guarded(net.ctypes.workspace_nbytes() + 1)
    work.arguments = ctypes.c_void_p(work.array.ctypes.data + 1), ctypes.c_size_t(net.ctypes.workspace_nbytes())
    (x, *_), results = call_all(host, net, None, work)
    assert_same(results[:2], net.value_and_jacobian(x))


def test_the_workspace_stays_bounded():
    net = make_network(*NETWORKS["wide"])
    sizes = [net.ctypes.workspace_nbytes(n) for n in (1, 10, 10**4, 10**9)]
    assert sizes[0] < sizes[1] < sizes[2] == sizes[3] < 2**20
    assert net.ctypes.workspace_nbytes(-5) == sizes[0]


def test_a_block_of_a_larger_matrix(dtype):
    net = make_network(*NETWORKS["mixed"], dtype)
    c, work = net.ctypes, net.ctypes.workspace(6)
    x = np.random.default_rng(0).standard_normal((6, 4)).astype(dtype)
    for order in "CF":
        whole = np.full((6, 11, 13), 7, dtype, order=order)
        block = whole[:, 2:7, 4:8]
        strides = [stride // block.itemsize for stride in block.strides]
        assert c.jacobian_points(c.handle, 6, x.ctypes, 4, block.ctypes, 5, 4, *strides, work.ctypes, work.nbytes) == OK
        assert_same(block, net.jacobian(x))
        block[...] = 7
        assert np.all(whole == 7)


def test_addresses_are_those_of_cython_api():
    for dtype in ("float64", "float32"):
        net = make_network((2, 3), ["tanh"], dtype)
        for name, address in net.ctypes.addresses.items():
            assert address == cython_api.address_of(f"fj_{name}_{suffix(net)}")
            assert ctypes.cast(getattr(net.ctypes, name), ctypes.c_void_p).value == address


# ---------------------------------------------------------------- bad input


# What each function takes behind the handle, in the order of its arguments.
OPERANDS = {"value": "xy", "jacobian": "xJ", "value_and_jacobian": "xyJ", "jvp": "xvu", "vjp": "xwg"}


def arguments_of(name, net, n_points=3):
    """The arguments of a call that works, and the positions of its sizes."""
    points = name.endswith("_points")
    sizes = {"x": net.n_in, "y": net.n_out, "v": net.n_wrt, "u": net.n_out, "w": net.n_out, "g": net.n_wrt}
    arguments, keep, checked = [n_points] if points else [], [], []
    for operand in OPERANDS[name.removesuffix("_points")]:
        array = np.ones((n_points, *((net.n_out, net.n_wrt) if operand == "J" else (sizes[operand],))), net.dtype)
        keep.append(array)
        arguments.append(array.ctypes.data)
        shape = array.shape[1:]
        checked += range(len(arguments), len(arguments) + len(shape))
        arguments += shape
        if operand == "J":
            arguments += [array[0].size] * points + [net.n_wrt, 1]
    work = net.ctypes.workspace(n_points)
    return [*arguments, work.ctypes.data, work.nbytes], checked, [*keep, work]


@pytest.mark.parametrize("name", SIGNATURES)
def test_status_codes(name, dtype):
    """Cases 74, 75, 77: NULL, sizes that do not fit and a short workspace are told, and no exception is set."""
    net = make_network(*NETWORKS["mixed"], dtype)
    c, function = net.ctypes, getattr(net.ctypes, name)
    arguments, checked, keep = arguments_of(name, net)
    assert function(c.handle, *arguments) == OK
    for array in keep:
        array[...] = 0

    def changed(position, value):
        return [*arguments[:position], value, *arguments[position + 1 :]]

    letters = SIGNATURES[name].replace(" ", "")
    assert function(0, *arguments) == NULL_POINTER
    for position, letter in enumerate(letters):
        if letter == "P":
            assert function(c.handle, *changed(position, None)) == NULL_POINTER
    for position in checked:
        for wrong in (-1, 0, 1, arguments[position] + 1, 2**62):
            assert function(c.handle, *changed(position, wrong)) == WRONG_SIZE
    other = make_network(*NETWORKS["mixed"], "float32" if net.dtype == np.float64 else "float64")
    assert function(other.ctypes.handle, *arguments) == WRONG_DTYPE
    for nbytes in (0, 1, 64, 200):
        assert function(c.handle, *changed(len(arguments) - 1, nbytes)) == SHORT_WORKSPACE
    if name.endswith("_points"):
        assert function(c.handle, *changed(0, -1)) == WRONG_SIZE
        assert function(c.handle, *changed(0, 0)) == OK
    for array in keep[:-1]:
        assert not array.any(), "a call that failed, or that had no points, wrote"


def test_the_required_size_is_the_least(net):
    """Case 77: a byte less than fj_workspace_nbytes(net, 1) is too short for the operation that needs most."""
    nbytes = net.ctypes.workspace_nbytes()
    y, J = np.empty(net.n_out, net.dtype), np.empty((net.n_wrt, net.n_out), net.dtype)
    c, x = net.ctypes, np.ones(net.n_in, net.dtype)
    sizes = net.n_out, net.n_wrt, 1, net.n_out
    for given, status in ((nbytes, OK), (nbytes - 1, SHORT_WORKSPACE)):
        work = Guarded(given)
        assert c.value_and_jacobian(c.handle, x.ctypes, net.n_in, y.ctypes, net.n_out, J.ctypes, *sizes,
                                    work.array.ctypes, given) == status
        work.check()


@needs_gcc
def test_messages_and_sizes(host):
    messages = [host.message(status) for status in range(-1, 7)]
    assert len(set(messages)) == 7  # both unknown ones are the same
    net = make_network(*NETWORKS["mixed"], "float32")
    assert [host.size_of(handle_of(net), which) for which in range(4)] == [4, 4, 5, 4]
    assert [host.size_of(None, which) for which in range(4)] == [0] * 4
    assert host.workspace_nbytes(None, 1) == 0
    assert host.check_abi(None) == NULL_POINTER
    assert host.check_abi(handle_of(net)) == OK
    assert host.retain(None) is None
    host.release(None)


# ---------------------------------------------------------------- handles


@needs_gcc
def test_a_handle_outlives_the_network(host):
    for select in (lambda net: net, lambda net: net.select(wrt=[0, 1, 2, 3, 4], outputs=slice(None))):
        net = make_network(*NETWORKS["dense"])
        x = np.random.default_rng(3).standard_normal(5)
        expected, owner = net.jacobian(x), select(net)
        handle, nbytes = ctypes.c_void_p(host.retain(handle_of(owner))), owner.ctypes.workspace_nbytes()
        gone = weakref.ref(owner), weakref.ref(net)
        del net, owner
        gc.collect()
        assert gone[0]() is gone[1]() is None
        J, work = np.empty((5, 7)), Guarded(nbytes)
        more = [np.ones(n) for n in (5, 7, 7, 7, 5)]
        status = host.call_all_f64(handle, *pointers(x, more[0], more[1], more[2], J, more[3], more[4]),
                                   *work.arguments)
        assert status == OK
        assert_close(J.T, expected)
        host.release(handle)


@needs_gcc
@pytest.mark.parametrize("n_rounds", [5, 500])
def test_threads_that_python_does_not_know(host, n_rounds):
    """Case 76, with 8 threads on one network, which also count its references up and down."""
    net = make_network(*NETWORKS["wide"])
    n = 7
    x, v, w = (random_array((n, size), seed=size) for size in (net.n_in, net.n_wrt, net.n_out))
    y, J = net.value_and_jacobian(x)
    expected = np.concatenate([a.ravel() for a in (y, J.swapaxes(1, 2), net.jvp(x, v), net.vjp(x, w))])
    arguments = handle_of(net), ctypes.c_ssize_t(n), *pointers(x, v, w)
    assert host.evaluate_in_threads(*arguments, *pointers(expected), 8, n_rounds) == 0
    assert host.evaluate_in_threads(*arguments, *pointers(expected + 1), 2, 5) == 10
    assert_same(net.jacobian(x), J)


def test_a_network_that_was_not_made_has_no_handle():
    blank = fj.Network.__new__(fj.Network)
    for attribute in ("capsule", "ctypes"):
        with pytest.raises(RuntimeError, match="__init__ was not called"):
            getattr(blank, attribute)


def test_capsule_keeps_the_network():
    net = make_network((2, 3), ["tanh"])
    capsule = net.capsule
    assert re.search(r"capsule object \"fastjac.fj_network_v1\"", repr(capsule))
    del net
    gc.collect()
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    assert get(capsule, b"fastjac.fj_network_v1")


def test_releases_free_the_memory():
    """10 000 networks, capsules and selections made and dropped: memory does not grow."""
    code = """
        import resource
        import numpy as np
        import fastjac as fj

        def work():
            for _ in range(100):
                net = fj.Network([(np.ones((50, 100)), None, "tanh"), (np.ones((100, 50)), None)])
                part = net.select(wrt=[1, 2], outputs=[3])
                net.jacobian(np.ones(50), wrt=[0])
                capsules = net.capsule, part.capsule
                handles = net.ctypes, part.ctypes

        work()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(10):
            work()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    # A network of this size is 170 KB: losing one in ten would be 17 MB.
    assert int(run_python(textwrap.dedent(code))) < 8000


STEADY = """
import ctypes, os
from support import make_network, random_array
from test_c_api import NETWORKS, Guarded, handle_of, np, pointers, suffix

host, allocator_calls = ctypes.CDLL(os.environ["HOST"]), ctypes.CDLL(None).allocator_calls
assert host.allocations_of_a_block(allocator_calls) == 2
n = 200
for dtype in ("float64", "float32"):
    for engine in ("packed", "blas"):
        for widths, activations in NETWORKS.values():
            whole = make_network(widths, activations, dtype, engine=engine)
            for net in (whole, whole.select(wrt=[2, 0], outputs=[1, 3])):
                m, k = net.n_out, net.n_wrt
                sizes = net.n_in, k, m, m, m * k, m, k
                arrays = [random_array((n, size), dtype) for size in sizes]
                work = Guarded(net.ctypes.workspace_nbytes(n))
                count = getattr(host, f"allocations_{suffix(net)}")
                points = handle_of(net), ctypes.c_ssize_t(n), *pointers(*arrays)
                n_calls = count(allocator_calls, *points, *work.arguments)
                assert n_calls == 0, (n_calls, net)
print("none")
"""


@needs_gcc
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="stands in for the allocator of glibc")
def test_calls_leave_the_allocator_alone(host, tmp_path):
    """Case 79, with an allocator that counts."""
    run("gcc", *STRICT, "-fPIC", "-shared", HERE / "capi" / "allocator_calls.c", "-o", tmp_path / "counter.so")
    environment = {"LD_PRELOAD": str(tmp_path / "counter.so"), "PYTHONPATH": str(HERE), "HOST": host._name}
    assert run_python(STEADY, **environment) == "none\n"
