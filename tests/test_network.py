"""Networks: what they take, what they tell, and the shapes and values of results."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support import (
    METHODS,
    OPERANDS,
    assert_close,
    assert_same,
    make_mixed,
    make_network,
    parts,
    random_array,
    reference,
)

import fastjac as fj

LEADING = [(), (1,), (2,), (33,), (1, 1), (2, 3), (4, 1, 2), (1,) * 7]


# ------------------------------------------------------------ results


@pytest.mark.parametrize("leading", LEADING, ids=str)
def test_shapes_and_dtypes(operand, dtype, leading):
    net = make_mixed(dtype)
    result = operand(net, random_array((*leading, operand.width(net)), dtype))
    assert [part.shape for part in parts(result)] == operand.shapes(net, leading)
    assert all(part.dtype == dtype for part in parts(result))
    assert all(part.flags.c_contiguous for part in parts(result))
    assert isinstance(result, tuple) == (operand.method == "value_and_jacobian")


@pytest.mark.parametrize("leading", LEADING, ids=str)
@pytest.mark.parametrize("workers", [1, 2, -1])
def test_values(dtype, simd, leading, workers):
    net = make_mixed(dtype)
    x = random_array((*leading, net.n_in), dtype)
    v, w = random_array(x.shape, dtype, 2), random_array((*leading, net.n_out), dtype, 3)
    y, J = (
        np.reshape(list(arrays), (*leading, *arrays[0].shape)).astype(dtype)
        for arrays in zip(*(reference(net, point) for point in x.reshape(-1, net.n_in)))
    )
    assert_close(net(x, workers=workers), y)
    assert_close(net.jacobian(x, workers=workers), J)
    assert_close(net.value_and_jacobian(x, workers=workers), (y, J))
    assert_close(net.jvp(x, v, workers=workers), np.einsum("...ij,...j->...i", J, v))
    assert_close(net.vjp(x, w, workers=workers), np.einsum("...ij,...i->...j", J, w))


def test_case_16_batch_of_one_is_the_point(operand, dtype, build):
    for net in (make_mixed(dtype), make_network((30, 20, 2, 20, 30), ["tanh"], dtype)):
        a = random_array(operand.width(net), dtype)
        for leading in ((1,), (1, 1, 1)):
            batch = operand(net, a.reshape(*leading, -1))
            point = operand(net, a)
            assert_same(tuple(part[(0,) * len(leading)] for part in parts(batch)), parts(point))


def test_both_of_value_and_jacobian_are_those_of_the_single_methods(dtype, simd, leading):
    net = make_mixed(dtype)
    x = random_array((*leading, net.n_in), dtype)
    assert_same(net.value_and_jacobian(x), (net(x), net.jacobian(x)))


@pytest.mark.parametrize("n_points", [1, 2, 200, 3001])
def test_tiles_and_pieces(operand, dtype, n_points):
    net = make_network((12, 70, 9, 70, 20), ["tanh", "softmax"], dtype)
    a = random_array((n_points, operand.width(net)), dtype)
    single = [np.stack(arrays) for arrays in zip(*(parts(operand(net, row)) for row in a))]
    assert_close(operand(net, a), operand.as_out(single))
    assert_close(operand(net, a, workers=3), operand.as_out(single))


@given(
    widths=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    kinds=st.lists(st.sampled_from(["identity", "tanh", "relu", "softmax", "log_softmax"]), min_size=1, max_size=4),
    leading=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    dtype=st.sampled_from(["float32", "float64"]),
    layout=st.sampled_from(["C", "F", "reversed", "stepped"]),
    seed=st.integers(0, 1000),
)
def test_any_network_shape_and_layout(widths, kinds, leading, dtype, layout, seed):
    net = make_network(widths, kinds, dtype, seed=seed)
    for operand in OPERANDS:
        a = random_array((*leading, operand.width(net)), dtype, seed)
        laid_out = {
            "C": a, "F": np.asfortranarray(a), "reversed": a[..., ::-1].copy()[..., ::-1],
            "stepped": np.repeat(a, 2, axis=-1)[..., ::2],
        }[layout]
        baseline = operand(net, a)
        assert_same(operand(net, laid_out), baseline)
        out = operand.as_out([
            np.full(shape, np.nan, dtype, order="F" if layout == "F" else "C") for shape in operand.shapes(net, leading)
        ])
        operand(net, laid_out, out=out)
        assert_same(tuple(np.array(part, order="C") for part in parts(out)), parts(baseline))
    x = random_array((*leading, net.n_in), dtype, seed)
    if x.size:
        first = x.reshape(-1, net.n_in)[0]
        y, J = reference(net, first)
        got_y, got_J = (part.reshape(-1, *part.shape[len(leading):])[0] for part in net.value_and_jacobian(x))
        assert_close(got_y, y.astype(dtype))
        np.testing.assert_allclose(got_J, J.astype(dtype), rtol=0, atol=500 * np.finfo(dtype).eps * scale(net))


def scale(net):
    """A bound of the elements of J and of its intermediate products: the product of the norms of the layers."""
    return float(np.prod([1 + np.abs(layer.W).sum(axis=0).max() for layer in net.layers]))


@given(hnp.arrays(np.float64, (3, 4), elements=st.floats(-1e3, 1e3)))
def test_any_values(x):
    net = make_mixed()
    y, J = (np.array(arrays, float) for arrays in zip(*(reference(net, point) for point in x)))
    # Rounding errors of the first layer grow with the size of x.
    tolerance = 1e-15 * scale(net) * (1 + np.abs(x).max())
    np.testing.assert_allclose(net(x), y, rtol=0, atol=tolerance)
    np.testing.assert_allclose(net.jacobian(x), J, rtol=0, atol=tolerance * scale(net))


# ------------------------------------------------------------ broadcasting of jvp and vjp


PAIRS = [
    ((), (3,)), ((3,), ()), ((3,), (1,)), ((1,), (3,)), ((2, 1), (3,)), ((2, 3), (3,)), ((2, 1, 3), (4, 1)),
    ((0,), (1,)), ((1,) * 40, (3,)),
]


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.parametrize("method", ["jvp", "vjp"])
def test_leading_dimensions_broadcast(dtype, method, pair):
    net = make_mixed(dtype)
    n = net.n_in if method == "jvp" else net.n_out
    x, v = random_array((*pair[0], net.n_in), dtype), random_array((*pair[1], n), dtype, 2)
    # NumPy's own broadcasting ends at 32 dimensions.
    leading = np.broadcast_shapes(*pair) if len(pair[0]) < 32 else (1,) * 39 + (3,)
    call = getattr(net, method)
    expected = call(np.broadcast_to(x, (*leading, net.n_in)).copy(), np.broadcast_to(v, (*leading, n)).copy())
    assert_same(call(x, v), expected)
    out = np.empty_like(expected)
    assert call(x, v, out=out) is out
    assert_same(out, expected)


@pytest.mark.parametrize("method", ["jvp", "vjp"])
def test_leading_dimensions_that_do_not_broadcast(method):
    net = make_mixed()
    n = net.n_in if method == "jvp" else net.n_out
    with pytest.raises(ValueError, match=rf"^{'v' if method == 'jvp' else 'w'}: .*\(2, 3\).*\(4,\)"):
        getattr(net, method)(np.zeros((2, 3, net.n_in)), np.zeros((4, n)))


def test_jvp_and_vjp_need_their_second_argument():
    net = make_mixed()
    for call in (net.jvp, net.vjp):
        with pytest.raises(TypeError):
            call(np.zeros(net.n_in))
        with pytest.raises(TypeError):
            call(np.zeros(net.n_in), None)


# ------------------------------------------------------------ arguments


@pytest.mark.parametrize("operand", METHODS, ids=str)
@pytest.mark.parametrize(("workers", "error"), [
    (0, ValueError), (-2, ValueError), (1.0, TypeError), ("1", TypeError), (None, TypeError), ([1], TypeError),
])
def test_wrong_workers(operand, workers, error):
    net = make_mixed()
    for leading in ((), (5,)):
        with pytest.raises(error, match="workers"):
            operand(net, np.zeros((*leading, net.n_in)), workers=workers)


@pytest.mark.parametrize("workers", [np.int64(2), True, 1000, 2**70])
def test_unusual_workers(operand, workers):
    net = make_mixed()
    a = random_array((9, operand.width(net)))
    assert_close(operand(net, a, workers=min(workers, 64)), operand(net, a))


@pytest.mark.parametrize("operand", METHODS, ids=str)
def test_keywords_only(operand):
    net = make_mixed()
    method, n_arguments = getattr(net, operand.method), 2 if operand.method in ("jvp", "vjp") else 1
    arguments = [np.zeros(net.n_in), np.zeros(net.n_in if operand.method == "jvp" else net.n_out)][:n_arguments]
    with pytest.raises(TypeError):
        method(*arguments, None)
    with pytest.raises(TypeError):
        method(*arguments, unknown=1)


@pytest.mark.parametrize("n_dimensions", [63, 64])
def test_as_many_dimensions_as_numpy_has(operand, n_dimensions):
    net = make_mixed()
    a = random_array(operand.width(net))
    many = a.reshape((1,) * (n_dimensions - 1) + a.shape)
    too_many = any(len(shape) > 64 for shape in operand.shapes(net, many.shape[:-1]))
    if too_many:
        with pytest.raises(ValueError, match="dimensions"):
            operand(net, many)
        with pytest.raises(ValueError, match="at most 64 dimensions, got"):
            operand(net, many, workers=2)
        return
    for got, expected in zip(parts(operand(net, many)), parts(operand(net, a)), strict=True):
        assert_same(got.ravel(), expected.ravel())


# ------------------------------------------------------------ networks


def test_network_attributes():
    net = fj.Network([fj.Layer(np.ones((4, 6)), np.ones(6), "tanh"), (np.ones((6, 3)),)], order="reverse")
    assert (net.n_in, net.n_out, net.widths) == (4, 3, (4, 6, 3))
    assert net.n_params == 24 + 6 + 18
    assert isinstance(net.layers, tuple)
    assert all(isinstance(layer, fj.Layer) for layer in net.layers)
    assert net.dtype == np.float64
    assert net.engine == "packed"
    assert net.order == "reverse"


def test_layers_as_tuples(dtype):
    W1, b1, W2 = random_array((4, 6), dtype), random_array(6, dtype), random_array((6, 3), dtype)
    tuples = fj.Network([(W1, b1, "tanh"), (W2,), (np.eye(3, dtype=dtype), None)])
    layers = fj.Network(iter([fj.Layer(W1, b1, "tanh"), fj.Layer(W2), fj.Layer(np.eye(3, dtype=dtype))]))
    x = random_array(4, dtype)
    assert_same(tuples.value_and_jacobian(x), layers.value_and_jacobian(x))


@pytest.mark.parametrize("layers", [
    None, 3, fj.Layer([[1.0]]), [3], [None], [[[[1.0]]]], [()], [([[1.0]], None, "tanh", 1)], "ab",
], ids=repr)
def test_layers_of_another_kind(layers):
    with pytest.raises(TypeError, match="layer"):
        fj.Network(layers)


@pytest.mark.parametrize("dtypes", list(itertools.product(["f4", "f8"], repeat=3)), ids=str)
def test_dtype_of_the_weights(dtypes):
    first, bias, second = dtypes
    net = fj.Network([(np.ones((2, 3), first), np.ones(3, bias)), (np.ones((3, 1), second),)])
    assert net.dtype == (np.float32 if set(dtypes) == {"f4"} else np.float64)
    assert net(np.ones(2)).dtype == net.dtype


@pytest.mark.parametrize("given_dtype", ["float32", np.float32, np.dtype("f4"), "f8", float])
def test_dtype_given(given_dtype):
    net = fj.Network(make_mixed().layers, dtype=given_dtype)
    assert net.dtype == np.dtype(given_dtype)
    assert net.layers[0].W.dtype == np.float64
    assert net.jacobian(np.zeros(4, "f8")).dtype == np.dtype(given_dtype)


@pytest.mark.parametrize("given_dtype", ["float16", "int64", complex, "g", "nonsense", 3, ">f8", object])
def test_dtype_that_is_none(given_dtype):
    with pytest.raises(TypeError, match="dtype: expected float32 or float64"):
        fj.Network([([[1.0]],)], dtype=given_dtype)


@pytest.mark.parametrize("engine", ["fast", "", None, 3, ["blas"]])
def test_engine_that_is_none(engine):
    with pytest.raises(ValueError, match="engine"):
        fj.Network([([[1.0]],)], engine=engine)


def test_repr_is_a_table():
    text = repr(make_mixed("float32"))
    head, *rows = text.splitlines()
    assert head == "Network 4-9-3-8-5, float32, engine packed"
    for n_in, n_out, activation in ((4, 9, "tanh"), (9, 3, "identity"), (3, 8, "softmax"), (8, 5, "relu")):
        assert any(str(n_in) in row and str(n_out) in row and activation in row for row in rows)


def test_plan_prints():
    text = str(make_network((30, 20, 2, 20, 30), ["tanh"]).plan(100))
    for part in ("30-20-2-20-30", "a batch", "packed", "float64", "((A4 A3)(A2 A1))", "forward sweep", "reverse sweep"):
        assert part in text


def test_networks_keep_their_build(dtype):
    from fastjac.kernels import dispatch

    before = dispatch.simd_level()
    try:
        for name in dispatch.available():
            dispatch.select(name)
            net = make_mixed(dtype)
            dispatch.select(before)
            assert net.simd == name
    finally:
        dispatch.select(before)


def test_no_attributes_can_be_added():
    net = make_mixed()
    with pytest.raises(AttributeError):
        net.note = "mine"
    with pytest.raises(AttributeError):
        net.layers[0].note = "mine"
