"""Cases 1 to 20: what is passed in. "Same" is bitwise equal to the result for a contiguous array."""

import ctypes
import ctypes.util
import sys
import threading

import numpy as np
import pytest
from support import assert_close, assert_same, make_mixed, make_network, parts, random_array, reference

import fastjac as fj


def fill(view, values):
    view[...] = values
    return view


def transposed(a):
    return np.ascontiguousarray(a.T).T


def stepped(a):
    return fill(np.full((*a.shape[:-1], 3 * a.shape[-1]), np.nan, a.dtype)[..., 1::3], a)


def stepped_points(a):
    return fill(np.full((2 * a.shape[0], *a.shape[1:]), np.nan, a.dtype)[::2], a)


def reversed_units(a):
    return fill(np.empty_like(a)[..., ::-1], a)


def reversed_points(a):
    return fill(np.empty_like(a)[::-1], a)


def middle(a):
    return fill(np.full([n + 2 for n in a.shape], np.nan, a.dtype)[tuple(slice(1, -1) for _ in a.shape)], a)


LAYOUTS = [np.asfortranarray, transposed, stepped, stepped_points, reversed_units, reversed_points, middle]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_case_1_layout(operand, dtype, leading, layout, engine):
    net = make_mixed(dtype)
    a = random_array((*leading, operand.width(net)), dtype)
    before = layout(a)
    assert_same(operand(net, before), operand(net, a))
    np.testing.assert_array_equal(before, a)


def test_case_1_zero_strides(operand, dtype, leading, engine):
    net = make_mixed(dtype)
    row = random_array(operand.width(net), dtype)
    many = np.broadcast_to(row, (*leading, len(row)))
    same_units = np.broadcast_to(random_array((*leading, 1), dtype), many.shape)
    for a in (many, same_units):
        assert_same(operand(net, a), operand(net, np.ascontiguousarray(a)))


def test_case_2_byte_swapped(operand, dtype, leading, engine):
    net = make_mixed(dtype)
    a = random_array((*leading, operand.width(net)), dtype)
    assert_same(operand(net, a.astype(dtype.newbyteorder())), operand(net, a))


def test_case_3_unaligned(operand, dtype, leading, engine):
    net = make_mixed(dtype)
    a = random_array((*leading, operand.width(net)), dtype)
    unaligned = np.frombuffer(b"\0" + a.tobytes(), np.uint8)[1:].view(dtype).reshape(a.shape)
    assert not unaligned.flags.aligned
    assert_same(operand(net, unaligned), operand(net, a))


def test_case_4_read_only(operand, dtype, leading, engine):
    net = make_mixed(dtype)
    a = random_array((*leading, operand.width(net)), dtype)
    baseline, before = operand(net, a), a.copy()
    a.flags.writeable = False
    assert_same(operand(net, a), baseline)
    assert a.tobytes() == before.tobytes()


@pytest.mark.parametrize("mode", ["r", "c", "r+"])
def test_case_4_memmap(operand, dtype, mode, tmp_path, engine):
    net = make_mixed(dtype)
    a = random_array((7, operand.width(net)), dtype)
    a.tofile(tmp_path / "points.bin")
    mapped = np.memmap(tmp_path / "points.bin", dtype, mode, shape=a.shape)
    assert_same(operand(net, mapped), operand(net, a))
    del mapped
    assert (tmp_path / "points.bin").read_bytes() == a.tobytes()


@pytest.mark.parametrize("given", ["float16", "float32"])
def test_case_5_lower_precision_is_exact(operand, leading, given, engine):
    net = make_mixed("float64")
    a = random_array((*leading, operand.width(net)), given)
    assert_same(operand(net, a), operand(net, a.astype(np.float64)))


def test_case_6_higher_precision_is_cast_once(operand, leading, engine):
    net = make_mixed("float32")
    a = random_array((*leading, operand.width(net)), "float64")
    result = operand(net, a)
    assert_same(result, operand(net, a.astype(np.float32)))
    assert all(part.dtype == np.float32 for part in parts(result))


@pytest.mark.parametrize("given", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4"])
def test_case_7_integers_are_cast(operand, dtype, leading, given, engine):
    net = make_mixed(dtype)
    a = np.random.default_rng(0).integers(0, 5, (*leading, operand.width(net))).astype(given)
    assert_same(operand(net, a), operand(net, a.astype(dtype)))


@pytest.mark.parametrize("given", ["bool", "complex64", "complex128", "object", "U3", "S3", "M8[s]", "m8[s]"])
def test_case_8_not_real(operand, dtype, leading, given):
    net = make_mixed(dtype)
    a = np.zeros((*leading, operand.width(net)), given)
    with pytest.raises(TypeError, match=f"^{operand.name}: .*{a.dtype}".replace("[", r"\[")):
        operand(net, a)


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize <= 8, reason="longdouble is float64 here")
def test_case_9_longdouble(operand, dtype, leading):
    net = make_mixed(dtype)
    with pytest.raises(TypeError, match="precision.*longdouble|precision.*float128"):
        operand(net, np.zeros((*leading, operand.width(net)), np.longdouble))


def test_case_10_ragged(operand, dtype):
    net = make_mixed(dtype)
    with pytest.raises(ValueError, match=f"^{operand.name}: expected an array of numbers, got a list"):
        operand(net, [[0.0] * operand.width(net), [0.0]])


def test_case_11_masked(operand, dtype, leading):
    net = make_mixed(dtype)
    a = np.ma.masked_greater(random_array((*leading, operand.width(net)), dtype), 0)
    with pytest.raises(TypeError, match=f"^{operand.name}: .*masked"):
        operand(net, a)


class Sub(np.ndarray):
    """A subclass that would notice if it were computed with."""

    def __array_wrap__(self, *args):
        raise AssertionError

    def __array_ufunc__(self, *args, **keywords):
        raise AssertionError


def test_case_12_subclass(operand, dtype, leading):
    net = make_mixed(dtype)
    a = random_array((*leading, operand.width(net)), dtype)
    assert_same(operand(net, a.view(Sub)), operand(net, a))


@pytest.mark.parametrize("difference", [-2, -1, 1])
def test_case_13_wrong_width(operand, dtype, leading, difference):
    net = make_mixed(dtype)
    n = operand.width(net)
    shape = (*leading, n + difference)
    with pytest.raises(ValueError) as error:
        operand(net, np.zeros(shape, dtype))
    assert str(error.value).startswith(f"{operand.name}: ")
    assert f"(..., {n})" in str(error.value)
    assert str(shape) in str(error.value)


def test_case_13_no_width(operand, dtype):
    with pytest.raises(ValueError, match=r"\(3, 0\)"):
        operand(make_mixed(dtype), np.zeros((3, 0), dtype))


@pytest.mark.parametrize("scalar", [1.5, np.float32(1.5), np.array(1.5), 2])
def test_case_14_no_dimensions(operand, dtype, scalar):
    with pytest.raises(ValueError, match="scalar"):
        operand(make_mixed(dtype), scalar)


@pytest.mark.parametrize("empty", [(0,), (0, 4), (4, 0), (3, 0, 2)], ids=str)
@pytest.mark.parametrize("workers", [1, 2])
def test_case_15_empty_batch(operand, dtype, empty, workers, engine):
    net = make_mixed(dtype)
    a = np.empty((*empty, operand.width(net)), dtype)
    result = operand(net, a, workers=workers)
    assert [part.shape for part in parts(result)] == operand.shapes(net, empty)
    assert all(part.dtype == dtype for part in parts(result))
    out = operand.new_out(net, empty)
    assert all(got is given for got, given in zip(parts(operand(net, a, out=out, workers=workers)), parts(out)))


def test_case_17_x_changes_during_the_call(operand, dtype, engine):
    net = make_network((6, 40, 5), ["tanh"], dtype)
    a = np.zeros((500, operand.width(net)), dtype)
    stop = threading.Event()

    def scribble():
        while not stop.is_set():
            a.fill(1)
            a.fill(0)

    thread = threading.Thread(target=scribble)
    thread.start()
    try:
        results = [operand(net, a) for _ in range(10)]
    finally:
        stop.set()
        thread.join()
    assert all(np.isfinite(part).all() for result in results for part in parts(result))
    a.fill(0)
    assert_same(operand(net, a), operand(net, np.zeros_like(a)))


def test_case_18_subnormal_points_are_exact(operand, dtype, build):
    net = make_network((4, 9, 3, 8, 5), ["relu", "identity"], dtype, bias=False)
    weights = [fj.Layer(np.rint(4 * layer.W), activation=layer.activation) for layer in net.layers]
    net = fj.Network(weights, dtype=dtype)
    tiny = np.finfo(dtype).smallest_subnormal
    a = np.rint(3 * random_array((7, operand.width(net)))).astype(dtype)
    # Small integers and the same multiples of the smallest number: products and sums are exact in both.
    for point in a:
        if operand.name == "x" and operand.method in ("__call__", "value_and_jacobian"):
            expected = parts(operand(net, point))[0] * tiny
        elif operand.name in ("v", "w"):
            expected = operand(net, point) * tiny
        else:
            expected = parts(operand(net, point))[-1]
        got = parts(operand(net, point * tiny))
        np.testing.assert_array_equal(got[-1 if operand.method == "jacobian" else 0], expected)


def test_case_18_subnormal_weights_keep_the_bound(dtype, build):
    tiny = float(np.finfo(dtype).tiny)
    net = fj.Network([
        fj.Layer(np.array([[0.3, -0.7], [0.2, 0.5]]) * tiny, [0.1, 0.2], "tanh"),
        fj.Layer(np.array([[0.9, 0.1], [-0.4, 0.6]])),
    ], dtype=dtype)
    x = np.array([0.4, -0.8], dtype)
    y, J = net.value_and_jacobian(x)
    wanted_y, wanted_J = reference(net, x)
    assert_close(y, wanted_y.astype(dtype))
    spacing = np.finfo(dtype).smallest_subnormal
    assert np.abs(J - wanted_J).max() <= 4 * spacing
    assert np.abs(J).min() > 0


def floating_point_control():
    """Rounding mode, exception masks and flush-to-zero bits of this thread."""
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    environment = (ctypes.c_uint32 * 16)()
    assert libm.fegetenv(environment) == 0
    # In glibc for x86-64 the x87 control word comes first and MXCSR eighth; its low six bits are
    # the sticky flags of exceptions, which are no mode.
    return libm.fegetround(), environment[0] & 0xFFFF, environment[7] & ~0x3F


@pytest.mark.skipif(sys.platform != "linux" or fj.show_config("dict")["platform"] != "Linux x86_64",
                    reason="reads the floating-point environment as glibc keeps it on x86-64")
def test_case_19_floating_point_modes_stay(operand, dtype, build):
    net = make_mixed(dtype)
    a = random_array((40, operand.width(net)), dtype)
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    modes = (0x000, 0x400, 0x800, 0xC00)  # nearest, down, up, towards zero
    try:
        for mode in modes:
            assert libm.fesetround(mode) == 0
            before = floating_point_control()
            operand(net, a)
            operand(net, a[0])
            after = floating_point_control()
            libm.fesetround(modes[0])
            assert after == before
            assert before[0] == mode
    finally:
        libm.fesetround(modes[0])


def test_case_20_lists(operand, dtype, leading):
    net = make_mixed(dtype)
    a = random_array((*leading, operand.width(net)), dtype)
    assert_same(operand(net, a.tolist()), operand(net, a))


def test_case_20_memoryview(operand, dtype, leading):
    net = make_mixed(dtype)
    a = random_array((*leading, operand.width(net)), dtype)
    assert_same(operand(net, memoryview(a)), operand(net, a))


class OnlyDLPack:
    """An array of another library, which shares its memory through DLPack and by no other way."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **keywords):
        return self._array.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


def test_case_20_dlpack(operand, dtype, leading):
    net = make_mixed(dtype)
    a = random_array((*leading, operand.width(net)), dtype)
    assert_same(operand(net, OnlyDLPack(a)), operand(net, a))
    assert_same(operand(net, OnlyDLPack(transposed(a))), operand(net, a))


class OnAnotherDevice(OnlyDLPack):
    def __dlpack_device__(self):
        return 2, 0

    def __dlpack__(self, **keywords):
        raise BufferError("on another device")


def test_case_20_dlpack_of_another_device(operand, dtype):
    net = make_mixed(dtype)
    with pytest.raises((TypeError, ValueError)):
        operand(net, OnAnotherDevice(np.zeros(operand.width(net), dtype)))
