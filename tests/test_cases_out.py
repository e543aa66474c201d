"""Cases 22 to 30: out=."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from support import METHODS, OPERANDS, assert_same, make_mixed, make_square, parts, random_array

import fastjac as fj

SENTINEL = -77.0

# The methods whose result is one vector a point.
SINGLE_VECTORS = [operand for operand in OPERANDS if operand.method in ("__call__", "jvp", "vjp")]


def points(net, operand, leading):
    return random_array((*leading, operand.width(net)), net.dtype)


def compact(result):
    """Contiguous copies of the arrays of a result, for comparison with a baseline."""
    return tuple(np.array(part, order="C") for part in parts(result))


def assert_untouched(out, fill=SENTINEL):
    assert all((part == fill).all() for part in parts(out))


@pytest.mark.parametrize("workers", [1, 2])
def test_case_22_out_is_returned(operand, dtype, leading, workers, engine):
    net = make_mixed(dtype)
    a = points(net, operand, leading)
    out = operand.new_out(net, leading)
    result = operand(net, a, out=out, workers=workers)
    assert type(result) is type(out)
    assert all(got is given for got, given in zip(parts(result), parts(out), strict=True))
    assert_same(result, operand(net, a, workers=workers))


def wrong_shapes(shape):
    yield (*shape[:-1], shape[-1] + 1)
    yield (*shape[:-1], 1)
    yield (1, *shape)
    yield shape[1:]
    yield (*shape, 1)
    if len(shape) > 1:
        yield shape[::-1]


def test_case_23_wrong_shape(operand, dtype, leading, engine):
    net = make_mixed(dtype)
    a = points(net, operand, leading)
    shapes = operand.shapes(net, leading)
    for i, shape in enumerate(shapes):
        for wrong in wrong_shapes(shape):
            if wrong == shape:
                continue
            out = [np.full(s, SENTINEL, dtype) for s in shapes]
            out[i] = np.full(wrong, SENTINEL, dtype)
            with pytest.raises(ValueError) as error:
                operand(net, a, out=operand.as_out(out))
            assert f"expected shape {shape}" in str(error.value)
            assert f"got {wrong}" in str(error.value)
            assert_untouched(tuple(out))


@pytest.mark.parametrize("given", ["other", "swapped", "other swapped", "f2", "g", "i8", "c16", "O", "?"])
def test_case_24_wrong_dtype_or_byte_order(operand, dtype, leading, given, engine):
    other = np.dtype("float32" if dtype == "float64" else "float64")
    swapped = {"other": other, "swapped": dtype.newbyteorder(), "other swapped": other.newbyteorder()}
    given = swapped.get(given) or np.dtype(given)
    net = make_mixed(dtype)
    shapes = operand.shapes(net, leading)
    for i, shape in enumerate(shapes):
        out = [np.zeros(s, dtype) for s in shapes]
        out[i] = np.zeros(shape, given)
        with pytest.raises(TypeError) as error:
            operand(net, points(net, operand, leading), out=operand.as_out(out))
        assert f"expected dtype {dtype.name}" in str(error.value)
        assert str(given) in str(error.value) or given.str in str(error.value)
        assert not any(part.any() for part in out)


def stepped(shape, dtype):
    base = np.full([3 * n for n in shape], SENTINEL, dtype)
    return base, base[tuple(slice(1, None, 3) for _ in shape)]


def fortran(shape, dtype):
    base = np.full(shape, SENTINEL, dtype, order="F")
    return base, base


def matrices_transposed(shape, dtype):
    base = np.full((*shape[:-2], *shape[:-3:-1]), SENTINEL, dtype)
    return base, base.swapaxes(-1, -2) if len(shape) > 1 else base


def points_last(shape, dtype):
    base = np.full((*shape[1:], shape[0]), SENTINEL, dtype)
    return base, np.moveaxis(base, -1, 0)


def leading_swapped(shape, dtype):
    if len(shape) < 3:
        return stepped(shape, dtype)
    base = np.full((shape[1], shape[0], *shape[2:]), SENTINEL, dtype)
    return base, base.swapaxes(0, 1)


def negative(shape, dtype):
    base = np.full([2 * n for n in shape], SENTINEL, dtype)
    return base, base[tuple(slice(None, None, -2) for _ in shape)]


def columns(shape, dtype):
    base = np.full((*shape[:-1], shape[-1] + 2), SENTINEL, dtype)
    return base, base[..., 1:-1]


def unaligned(shape, dtype):
    record = np.dtype([("before", "u1"), ("number", dtype)])
    base = np.zeros(shape, record)
    base["before"], base["number"] = 7, SENTINEL
    return base, base["number"]


def between_fields(shape, dtype):
    """Aligned, with strides that are no multiple of the size of a double."""
    record = np.dtype([("number", dtype), ("after", "u4")])
    base = np.zeros(shape, record)
    base["number"], base["after"] = SENTINEL, 7
    return base, base["number"]


LAYOUTS = [
    stepped, fortran, matrices_transposed, points_last, leading_swapped, negative, columns, unaligned, between_fields,
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_case_25_strided(operand, dtype, leading, build, layout):
    net = make_mixed(dtype)
    a = points(net, operand, leading)
    bases, views = zip(*(layout(shape, dtype) for shape in operand.shapes(net, leading)))
    before = [base.copy(order="K") for base in bases]
    for workers in (1, 2):
        result = operand(net, a, out=operand.as_out(views), workers=workers)
        assert_same(compact(result), parts(operand(net, a, workers=workers)))
        # With the results put back to the sentinel, all the rest must be as it was.
        for base, view, untouched in zip(bases, views, before):
            view[...] = SENTINEL
            assert base.tobytes() == untouched.tobytes()


def test_case_25_value_and_jacobian_side_by_side(dtype, leading):
    net = make_mixed(dtype)
    m, n = net.n_out, net.n_in
    records = np.full((*leading, m, 1 + n), np.nan, dtype)
    a = random_array((*leading, n), dtype)
    result = net.value_and_jacobian(a, out=(records[..., 0], records[..., 1:]))
    assert_same(compact(result), net.value_and_jacobian(a))


def test_case_26_read_only(operand, dtype, leading, engine):
    net = make_mixed(dtype)
    shapes = operand.shapes(net, leading)
    for i in range(len(shapes)):
        out = [np.full(shape, SENTINEL, dtype) for shape in shapes]
        out[i].flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            operand(net, points(net, operand, leading), out=operand.as_out(out))
        assert_untouched(tuple(out))


def test_case_27_overlaps_an_argument(operand, dtype, leading, engine):
    net = make_square(dtype)
    shape = (*leading, operand.width(net))
    size = int(np.prod(shape))
    values = random_array(shape, dtype)
    baseline = operand(net, values)
    sizes = [int(np.prod(s)) for s in operand.shapes(net, leading)]
    starts = np.cumsum([0, *sizes])
    # The argument begins before, at, within and at the end of each result.
    for offset in sorted({0, 1, net.n_in, *(int(start) for start in starts), *(int(s) // 2 for s in starts)}):
        memory = np.full(size + int(starts[-1]) + size, np.nan, dtype)
        a = memory[offset : offset + size].reshape(shape)
        a[...] = values
        out = operand.as_out([
            memory[start : start + n].reshape(s) for start, n, s in zip(starts, sizes, operand.shapes(net, leading))
        ])
        assert_same(compact(operand(net, a, out=out)), parts(baseline))


@pytest.mark.parametrize("operand", SINGLE_VECTORS, ids=str)
def test_case_27_out_is_the_argument(operand, dtype, leading, engine):
    net = make_square(dtype)
    a = random_array((*leading, operand.width(net)), dtype)
    baseline = operand(net, a.copy())
    assert_same(operand(net, a, out=a), baseline)
    backwards = random_array((*leading, operand.width(net)), dtype)
    result = operand(net, backwards, out=backwards[..., ::-1])
    assert_same(compact(result)[0], baseline)


def test_case_28_overlaps_itself(operand, dtype, engine):
    net = make_mixed(dtype)
    leading = (7,)
    shapes = operand.shapes(net, leading)
    for i, shape in enumerate(shapes):
        memory = np.full(1000, SENTINEL, dtype)
        item = dtype.itemsize
        contiguous = np.zeros(shape, dtype).strides
        for strides in (
            (0, *contiguous[1:]),                    # one place for all points
            (item, *contiguous[1:]),                 # points one element apart
            (contiguous[0], *[0] * (len(shape) - 1)),  # one place for all elements of a point
        ):
            out = [np.full(s, SENTINEL, dtype) for s in shapes]
            out[i] = as_strided(memory, shape, strides)
            with pytest.raises(ValueError, match="overlap"):
                operand(net, points(net, operand, leading), out=operand.as_out(out))
            assert_untouched((*out, memory))


def test_case_28_value_and_jacobian_overlap(dtype, leading, engine):
    net = make_mixed(dtype)
    size = int(np.prod(leading)) * net.n_out
    memory = np.full(size * (net.n_in + 1), SENTINEL, dtype)
    x = random_array((*leading, net.n_in), dtype)
    for start in (0, 1, size * net.n_in - 1):
        y = memory[start : start + size].reshape(*leading, net.n_out)
        J = memory[: size * net.n_in].reshape(*leading, net.n_out, net.n_in)
        with pytest.raises(ValueError, match="overlap"):
            net.value_and_jacobian(x, out=(y, J))
        assert_untouched(memory)


@pytest.mark.parametrize("order", ["auto", "forward", "reverse"])
def test_case_29_prefilled_with_nan(operand, dtype, leading, order, engine):
    net = fj.Network(make_mixed(dtype).layers, dtype=dtype, order=order)
    a = points(net, operand, leading)
    for fill in (np.nan, np.inf):
        result = operand(net, a, out=operand.new_out(net, leading, fill))
        assert_same(result, operand(net, a))
        assert all(np.isfinite(part).all() for part in parts(result))


@pytest.mark.parametrize("width", [1, 2, 97, 9300])
def test_case_29_prefilled_with_nan_in_pieces_of_one_row(dtype, width, engine):
    # One row times a matrix goes to BLAS with the target as it is found.
    layer = fj.Layer(np.full((2, width), 0.5), activation="identity")
    net = fj.Network([layer, fj.Layer(np.full((width, 2), 0.5))], dtype=dtype)
    out = np.full(2, np.nan, dtype)
    x, v = np.ones(2, dtype), np.ones(2, dtype)
    assert net.jvp(x, v, out=out).tolist() == [0.5 * width, 0.5 * width]
    assert net.vjp(x, v, out=np.full(2, np.nan, dtype)).tolist() == [0.5 * width, 0.5 * width]


@pytest.mark.parametrize("operand", METHODS, ids=str)
@pytest.mark.parametrize(
    "wrong", [[0.0], "out", 1.5, object(), memoryview(b"1234"), np.float64(1)], ids=lambda wrong: type(wrong).__name__)
def test_case_30_no_array(operand, dtype, wrong, engine):
    net = make_mixed(dtype)
    out = wrong if operand.method != "value_and_jacobian" else (wrong, wrong)
    with pytest.raises(TypeError, match=type(wrong).__name__):
        operand(net, np.zeros(net.n_in, dtype), out=out)


def test_case_30_masked_array(operand, dtype, engine):
    net = make_mixed(dtype)
    out = operand.as_out([np.ma.zeros(shape, dtype) for shape in operand.shapes(net, ())])
    with pytest.raises(TypeError, match="MaskedArray"):
        operand(net, np.zeros(operand.width(net), dtype), out=out)


@pytest.mark.parametrize("wrong", [np.zeros(5), [np.zeros(5), np.zeros((5, 4))], (), (np.zeros(5),), (None, None)],
                         ids=["array", "list", "nothing", "one", "nones"])
def test_case_30_value_and_jacobian_take_a_pair(wrong, engine):
    with pytest.raises(TypeError, match="out"):
        make_mixed().value_and_jacobian(np.zeros(4), out=wrong)


@pytest.mark.parametrize("operand", SINGLE_VECTORS, ids=str)
def test_case_30_single_results_take_no_pair(operand, engine):
    net = make_mixed()
    with pytest.raises(TypeError, match="tuple"):
        operand(net, np.zeros(operand.width(net)), out=(np.zeros(5), np.zeros((5, 4))))
