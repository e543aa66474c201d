"""Networks of networks: nothing of a part is lost, and options and names are those of the parts."""

import pickle

import numpy as np
import pytest
from oracles_parts import value_and_jacobian
from support import assert_close, assert_same

import fastjac as fj
from fastjac import layer as layer_module

random = np.random.default_rng(0)


def dense(n_in, n_out, *activation):
    return fj.Layer(random.normal(size=(n_in, n_out)) / np.sqrt(n_in), 0.3 * random.normal(size=n_out), *activation)


CENTER = np.array([300.0, -1.0, 0.0])
PARTS = {
    "plain": [dense(3, 6, "tanh"), dense(6, 3)],
    "centered": [fj.Affine(1 / np.array([5.0, 0.1, 2.0]), center=CENTER), dense(3, 6, "relu"), dense(6, 3)],
    "activation last": [fj.Affine(center=CENTER), dense(3, 3, "silu")],
    "center alone": [fj.Affine(center=CENTER)],
    "skips": [fj.Affine(center=CENTER), fj.Residual([dense(3, 5, "gelu"), dense(5, 3)]), fj.LayerNorm(),
              fj.Concatenation([dense(3, 2, "tanh")], last=True), dense(5, 3, "softmax")],
}


@pytest.fixture(params=PARTS)
def parts(request):
    return PARTS[request.param]


@pytest.fixture(params=["packed", "blas"])
def engine(request):
    return request.param


def points(n=5):
    return CENTER + np.random.default_rng(1).normal(size=(n, 3))


def check(net, parts, x):
    """Against the parts in long double, each by its docstring."""
    y, J = value_and_jacobian(parts, x)
    tolerance = 2e-5 if net.dtype == np.float32 else 1e-11
    got_y, got_J = net.value_and_jacobian(x)
    np.testing.assert_allclose(got_y, y.astype(float), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(got_J, J.astype(float), rtol=tolerance, atol=10 * tolerance)


# ------------------------------------------------------------ what is public is the whole function


@pytest.mark.parametrize("listed", ["layers", "parts"])
def test_layers_and_parts_are_the_network(parts, engine, listed):
    net = fj.Network(parts, engine=engine)
    x = points()
    again = fj.Network(getattr(net, listed), engine=engine)
    assert_same(again.value_and_jacobian(x), net.value_and_jacobian(x))
    assert (again.center is None) == (net.center is None)
    more = [fj.Affine(0.5, shift=1.0), fj.Elementwise("exp")]
    check(fj.Network([*getattr(net, listed), *more], engine=engine), [*parts, *more], x)
    before = [dense(2, 3, "tanh"), fj.Affine(shift=CENTER)]
    check(fj.Network([*before, *getattr(net, listed)]), [*before, *parts], random.normal(size=(4, 2)))


def test_parts_have_the_dtype_and_the_bits_of_the_network(parts, dtype):
    net = fj.Network(parts, dtype=dtype)
    again = fj.Network(net.parts)
    assert again.dtype == dtype
    assert_same(again.value_and_jacobian(points()), net.value_and_jacobian(points()))


def test_parts_begin_with_what_is_subtracted():
    net = fj.Network(PARTS["centered"])
    first, *layers = net.parts
    assert isinstance(first, fj.Affine)
    assert np.array_equal(first.center, CENTER)
    assert all(layer.center is None for layer in layers)
    assert net.layers[0].center is net.center
    assert "centered" in repr(net.layers[0]) and "centered" not in repr(layers[0])
    assert fj.Network(PARTS["plain"]).parts == tuple(PARTS["plain"])


def test_without_the_last_layer():
    parts = [fj.Affine(center=CENTER), dense(3, 4, "tanh"), dense(4, 2)]
    check(fj.Network(fj.Network(parts).parts[:-1]), parts[:-1], points())
    check(fj.Network(fj.Network(parts).layers[:-1]), parts[:-1], points())


def test_center_keeps_bits_and_the_sign_of_zero():
    """A bias of -0.0 behind a center is not added to anything."""
    net = fj.Network([fj.Affine(center=[1.0]), fj.Layer([[0.0]], [-0.0])])
    for again in (net, fj.Network(net.layers), fj.Network(net.parts), pickle.loads(pickle.dumps(net))):
        assert np.signbit(again.layers[0].b[0])


def test_layer_with_a_center_inside_a_skip():
    S = fj.Network([fj.Affine(center=CENTER), dense(3, 2)]).layers[0]
    inner = [dense(3, 2, "tanh")]
    x = points()
    y, _ = value_and_jacobian([fj.Residual(inner, skip=fj.Layer(S.W, S.b - CENTER @ S.W))], x)
    np.testing.assert_allclose(fj.Network([fj.Residual(inner, skip=S)])(x), y.astype(float), rtol=1e-12, atol=1e-11)


def test_pickles_keep_the_center_of_layers_and_read_older_ones():
    net = fj.Network(PARTS["centered"])
    layer = pickle.loads(pickle.dumps(net.layers[0]))
    assert np.array_equal(layer.center, CENTER)
    make, (version, layers, *options) = net.__reduce__()
    assert version == layer_module.PICKLE_VERSION == 4
    plain = (layer_module.with_center(layers[0], None), *layers[1:])
    older = make(3, plain, *options[:4], net.center)  # as version 3 had it: the center by itself, and no names
    assert_same(older.jacobian(points()), net.jacobian(points()))


# ------------------------------------------------------------ a network is a part

FIRST, SKIP, WIDE = dense(3, 3, "tanh"), dense(3, 3), dense(6, 3)
PLACES = {
    "alone": lambda inner: inner,
    "before others": lambda inner: [*inner, fj.Affine(np.log(10.0)), fj.Elementwise("exp")],
    "behind others": lambda inner: [fj.Affine(2.0, center=1.0), FIRST, *inner],
    "behind an open layer": lambda inner: [SKIP, *inner, fj.Elementwise("tanh")],
    "twice": lambda inner: [*inner, *inner],
    "residual": lambda inner: [fj.Residual(inner), *inner],
    "residual with a layer": lambda inner: [fj.Residual([FIRST, *inner], skip=SKIP)],
    "concatenation": lambda inner: [fj.Concatenation(inner, last=True), WIDE, fj.Elementwise("relu")],
    "behind a concatenation": lambda inner: [fj.Concatenation([FIRST]), WIDE, *inner],
}


@pytest.mark.parametrize("place", PLACES)
def test_network_as_a_part(parts, place, dtype):
    x, make = points().astype(dtype), PLACES[place]
    if dtype == np.float32:
        x = x - CENTER.astype(dtype)  # where float32 knows the points
        parts = [fj.Affine(center=1.0) if isinstance(part, fj.Affine) else part for part in parts]
        parts = [fj.Affine(center=np.ones(3)), *parts]
    net = fj.Network(parts, dtype=dtype)
    check(fj.Network(make([net]), dtype=dtype), make(parts), x)


def test_same_bits_as_of_the_parts(engine, dtype):
    net = fj.Network(PARTS["centered"], dtype=dtype, engine=engine)
    assert_same(fj.Network([net]).value_and_jacobian(points()), net.value_and_jacobian(points()))


@pytest.mark.parametrize("options", [
    {}, {"dtype": "float32"}, {"engine": "blas"}, {"order": "forward"}, {"order": ((3, 2), 1)}, {"activity": 0.25},
    {"activity": (0.5, None, None)},
])
def test_options_are_those_of_the_network(options):
    net = fj.Network([dense(3, 6, "relu"), dense(6, 5, "tanh"), dense(5, 2)], **options)
    again = fj.Network([net, fj.Affine(2.0)])
    for name in ("dtype", "engine", "order", "activity"):
        assert getattr(again, name) == getattr(net, name)
    longer = fj.Network([net, dense(2, 2)])
    assert longer.order == (net.order if isinstance(net.order, str) else "auto")
    assert longer.activity == (None if isinstance(net.activity, tuple) else net.activity)


def test_options_that_differ_or_are_given():
    blas, packed = (fj.Network([dense(2, 2)], engine=engine, order="reverse") for engine in ("blas", "packed"))
    both = fj.Network([blas, fj.Residual([packed])])
    assert (both.engine, both.order) == ("packed", "reverse")
    assert fj.Network([blas, blas]).engine == "blas"
    given = fj.Network([blas], engine="packed", order="forward", activity=0.5, dtype="float32")
    assert (given.engine, given.order, given.activity, given.dtype) == ("packed", "forward", 0.5, np.float32)


def test_dtype_of_a_network_counts_as_that_of_its_weights():
    single = fj.Network([dense(2, 2)], dtype="float32")
    assert fj.Network([single, fj.Affine(2.0)]).dtype == np.float32
    assert fj.Network([fj.Residual([single])]).dtype == np.float32
    assert fj.Network([single, dense(2, 2)]).dtype == np.float64


def test_scaling_is_composing():
    net = fj.Network(PARTS["centered"])
    scaled = net.with_output_scaling([1.0, 2.0, 3.0], [2.0, 0.5, 4.0])
    again = fj.Network([net, fj.Affine(scale=[2.0, 0.5, 4.0], shift=[1.0, 2.0, 3.0])])
    assert_same(scaled.value_and_jacobian(points()), again.value_and_jacobian(points()))


@pytest.mark.parametrize("part, error, message", [
    (lambda net: net.select([0]), TypeError, "layer 1: expected a Layer, a Network or a tuple .* got Selection"),
    (lambda net: fj.Network.__new__(fj.Network), RuntimeError, "Network.__init__ was not called"),
])
def test_what_is_no_part(part, error, message):
    with pytest.raises(error, match=message):
        fj.Network([part(fj.Network([SKIP]))])


def test_network_that_does_not_fit():
    with pytest.raises(ValueError, match="layer 2: expected 2 inputs, the width before it, got W of shape"):
        fj.Network([dense(3, 2), fj.Network([SKIP])])
    with pytest.raises(TypeError, match="layers: expected a sequence of layers, got Network"):
        fj.Network(fj.Network([SKIP]))


# ------------------------------------------------------------ names of what is composed

NAMED = fj.Network([FIRST, SKIP], names_in=["a", "b", "c"], names_out=["p", "q", "r"],
                   units_in=["m", "s", "kg"], units_out=["W", "N", "J"])
ABC, PQR, MSK, WNJ = NAMED.names_in, NAMED.names_out, NAMED.units_in, NAMED.units_out


@pytest.mark.parametrize("parts, expected", [
    ([NAMED], (ABC, PQR, MSK, WNJ)),
    ([fj.Affine(2.0), NAMED, fj.Affine(center=[1.0, 2.0, 3.0])], (ABC, PQR, MSK, WNJ)),
    ([NAMED, fj.Affine(2.0), fj.Elementwise("exp")], (ABC, PQR, MSK, None)),
    ([SKIP, fj.Elementwise("exp"), NAMED], (None, PQR, None, WNJ)),
    ([fj.Affine(np.ones(3)), fj.Elementwise("exp"), NAMED], (ABC, PQR, None, WNJ)),
    ([NAMED, NAMED], (ABC, PQR, MSK, WNJ)),
    ([NAMED, SKIP], (ABC, None, MSK, None)),
    ([SKIP, NAMED], (None, PQR, None, WNJ)),
    ([fj.Residual([NAMED])], (ABC, None, MSK, None)),
    ([fj.Residual([NAMED.with_names(names_out=ABC, units_out=MSK)])], (ABC, ABC, MSK, MSK)),
    ([fj.Concatenation([NAMED])], (ABC, ABC + PQR, MSK, MSK + WNJ)),
    ([fj.Concatenation([NAMED], last=True)], (ABC, PQR + ABC, MSK, WNJ + MSK)),
    ([fj.Concatenation([NAMED.with_names(names_out=ABC, units_out=None)])], (ABC, None, MSK, None)),
    ([SKIP], (None,) * 4),
])
def test_names_of_what_is_composed(parts, expected):
    net = fj.Network(parts)
    assert (net.names_in, net.names_out, net.units_in, net.units_out) == expected


def test_names_that_are_given_replace_those_of_the_parts():
    net = fj.Network([NAMED], names_in=["x", "y", "z"])
    assert (net.names_in, net.names_out) == (("x", "y", "z"), PQR)


def test_a_name_at_another_place_where_networks_meet():
    other = NAMED.with_names(names_in=["q", "p", "s"])
    with pytest.raises(ValueError, match=r"layer 2: expected inputs in the order of the outputs before it, 'p', 'q', "
                                         r"'r', got 'q', 'p', 's'; with_names\(names_in=None\) takes them by"):
        fj.Network([NAMED, other])
    assert_close(fj.Network([NAMED, other.with_names(names_in=None)])(points()), other(NAMED(points())))
