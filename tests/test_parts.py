"""What stands between dense layers does what its docstring says, whatever is merged into what."""

import copy
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from exported import export, needs_gcc
from mpmath import mp
from oracles_parts import value_and_jacobian
from support import assert_close
from test_planning import bracketings

import fastjac as fj


def dense(n_in, n_out, activation="identity", bias=True, seed=0):
    random = np.random.default_rng([n_in, n_out, seed])
    b = random.normal(size=n_out) if bias else None
    return fj.Layer(random.normal(size=(n_in, n_out)) / np.sqrt(n_in), b, activation)


def numbers(n, seed):
    return np.random.default_rng([n, seed]).normal(size=n)


CASES = {
    "scaled inputs": [
        fj.Affine(1 / (0.5 + numbers(3, 1) ** 2), center=5 * numbers(3, 2)), dense(3, 7, "tanh"), dense(7, 2)],
    "scaled outputs": [dense(3, 7, "tanh"), dense(7, 2), fj.Affine(3.0, numbers(2, 3))],
    "scaled outputs of an activation": [dense(3, 7, "tanh"), fj.Affine(numbers(7, 1), numbers(7, 2), numbers(7, 3))],
    "one number for all": [fj.Affine(0.5, 0.1, 2.0), dense(3, 4, "tanh", bias=False), fj.Affine(2.0)],
    "two of them": [fj.Affine(2.0, 1.0, 3.0), fj.Affine(numbers(3, 1), numbers(3, 2), 0.5), dense(3, 4, "tanh")],
    "alone": [fj.Affine(numbers(3, 1), numbers(3, 2), numbers(3, 3))],
    "activation behind": [
        dense(3, 5), fj.Elementwise("relu"), dense(5, 4), fj.Affine(2.0, 1.0), fj.Elementwise("tanh")],
    "activation upon activation": [dense(3, 5, "tanh"), fj.Elementwise("exp"), dense(5, 2), fj.Elementwise("relu")],
    "activation first": [fj.Affine(numbers(3, 4)), fj.Elementwise("tanh"), dense(3, 2)],
    "batch normalisation": [
        dense(3, 5, "relu"), fj.Affine(numbers(5, 1), numbers(5, 2), numbers(5, 3)), dense(5, 2, "elu")],
    "residual": [dense(3, 5), fj.Residual([dense(5, 8, "tanh"), dense(8, 5)]), fj.Elementwise("relu"), dense(5, 2)],
    "residual of one layer": [fj.Residual([dense(4, 4)]), dense(4, 3)],
    "residual at both ends": [fj.Residual([dense(4, 4, "tanh")])],
    "residual with parameters": [dense(3, 5), fj.Residual([dense(5, 6, "elu"), dense(6, 5, "elu")]), dense(5, 2)],
    "residual in a residual": [
        fj.Affine(center=2.0),
        fj.Residual([dense(4, 9, "elu"), fj.Residual([dense(9, 6, "tanh"), dense(6, 9)]), dense(9, 6, "relu"),
                     fj.Affine(0.5, 1.0, 0.1), dense(6, 4)]),
        fj.Affine(0.3, 0.1),
    ],
    "normalised residual": [
        fj.Residual([fj.Affine(0.5, 0.1), dense(3, 3, "tanh"), fj.Elementwise("tanh")]),
        fj.Residual([fj.Residual([dense(3, 3, "exp")]), fj.Affine(0.1, 0.0, numbers(3, 1))]),
    ],
    "residual that widens": [
        dense(3, 4, "tanh"), fj.Residual([dense(4, 5, "tanh"), dense(5, 6)], dense(4, 6)), dense(6, 2, "tanh")],
    "residual that narrows": [
        dense(3, 6, "tanh"), fj.Residual([dense(6, 5, "tanh"), dense(5, 2, "elu")], (np.ones((6, 2)),))],
    "residual of one layer beside one": [fj.Residual([dense(3, 2)], dense(3, 2, seed=1))],
    "softmax in a residual": [
        dense(3, 5), fj.Residual([dense(5, 4, "softmax"), dense(4, 6, "log_softmax"), dense(6, 5)]), dense(5, 2)],
    "softmax at the end of residuals": [fj.Residual([fj.Residual([dense(4, 4, "softmax")])]), dense(4, 3)],
    "layer normalisation": [
        dense(3, 7), fj.LayerNorm(numbers(7, 1), numbers(7, 2), 1e-3), fj.Elementwise("tanh"), dense(7, 2)],
    "normalised first": [fj.LayerNorm(numbers(4, 1)), dense(4, 3, "tanh"), fj.RMSNorm(numbers(3, 2)), dense(3, 3)],
    "normalised last": [dense(3, 5, "tanh"), fj.RMSNorm(), fj.Residual([dense(5, 5, "tanh")]), fj.LayerNorm()],
    "normalised before": [
        dense(3, 5),
        fj.Residual([fj.LayerNorm(numbers(5, 1), numbers(5, 2)), dense(5, 8, "elu"), dense(8, 5)]),
        fj.Residual([fj.RMSNorm(0.5, 0.1), dense(5, 7, "tanh"), dense(7, 5)]),
        fj.LayerNorm(),
        dense(5, 2),
    ],
    "normalised behind": [
        dense(3, 4), fj.Residual([dense(4, 9, "relu"), dense(9, 4)]), fj.LayerNorm(shift=numbers(4, 1)), dense(4, 2)],
    "activated before": [
        dense(3, 5), fj.Residual([fj.Elementwise("elu"), dense(5, 5), fj.Elementwise("tanh"), dense(5, 5)]),
        dense(5, 2)],
    "concatenation": [
        dense(3, 5, "tanh"), fj.Concatenation([dense(5, 4, "elu"), dense(4, 2)]), dense(7, 3, "tanh"), dense(3, 2)],
    "concatenations": [
        fj.Concatenation([dense(2, 4, "elu")], last=True),
        fj.Concatenation([fj.Residual([dense(6, 3, "tanh")], dense(6, 3))]),
        fj.Affine(numbers(9, 1), numbers(9, 2)),
        fj.Concatenation([dense(9, 1, "exp")]),
    ],
}


@pytest.fixture(params=CASES)
def parts(request):
    return CASES[request.param]


def points(n_in, dtype=np.float64):
    return np.random.default_rng(n_in).normal(size=(40, n_in)).astype(dtype)


@pytest.mark.parametrize("engine", ["packed", "blas"])
@pytest.mark.parametrize("order", ["auto", "forward", "reverse"])
def test_same_function(parts, engine, order, dtype):
    net = fj.Network(parts, engine=engine, order=order, dtype=dtype)
    x = points(net.n_in, dtype)
    expected = value_and_jacobian(parts, x.astype(np.float64))
    y, J = net.value_and_jacobian(x)
    assert_close((y.astype(dtype), J), tuple(array.astype(dtype) for array in expected), factor=400)
    v, w = points(net.n_in, dtype)[::-1].copy(), points(net.n_out, dtype)
    assert_close(net.jvp(x, v), (J @ v[..., None])[..., 0], factor=400)
    assert_close(net.vjp(x, w), (w[..., None, :] @ J)[..., 0, :], factor=400)
    part = net.select([0], [net.n_out - 1])
    assert_close(part.jacobian(x), J[:, -1:, :1], factor=400)


def test_every_bracketing(parts):
    net = fj.Network(parts)
    x = points(net.n_in)[:5]
    J = value_and_jacobian(parts, x)[1]
    for order in bracketings(1, len(net.layers)) if len(net.layers) < 7 else ():
        assert_close(fj.Network(parts, order=order).jacobian(x), J, factor=400)


def test_one_point_has_the_bits_of_a_batch(parts, dtype, simd):
    net = fj.Network(parts, dtype=dtype)
    x = points(net.n_in, dtype)
    y, J = net.value_and_jacobian(x)
    for i in (0, 17):
        one = net.value_and_jacobian(x[i])
        assert np.array_equal(one[0], y[i])
        assert np.array_equal(one[1], J[i])


@needs_gcc
@pytest.mark.parametrize("case", [
    "scaled inputs", "residual", "residual with parameters", "residual in a residual", "softmax in a residual",
    "normalised before", "normalised last", "concatenations"])
def test_exported(case, dtype, tmp_path):
    net = fj.Network(CASES[case], dtype=dtype)
    x = points(net.n_in, dtype)[:5]
    exported = export(tmp_path, net)
    assert_close(exported.value_and_jacobian(x), net.value_and_jacobian(x))
    w = points(net.n_out, dtype)[:5]
    assert_close(exported.vjp(x, w), net.vjp(x, w))


@pytest.mark.parametrize("case, activations", [
    ("scaled inputs", "tanh identity"),
    ("batch normalisation", "relu elu"),
    ("activation behind", "relu tanh"),
    ("residual of one layer", "identity identity"),
    ("layer normalisation", "layer_norm tanh identity"),
    ("normalised before", "identity layer_norm elu identity rms_norm tanh layer_norm identity"),
    ("normalised last", "tanh rms_norm tanh layer_norm"),
    ("activated before", "identity elu tanh identity identity"),
])
def test_merged_into_as_few_layers_as_there_are_activations(case, activations):
    assert [layer.activation for layer in fj.Network(CASES[case]).layers] == activations.split()


@pytest.mark.parametrize("order", ["forward", "reverse"])
@pytest.mark.parametrize("engine", ["packed", "blas"])
def test_layer_norm_of_one_unit_is_constant(engine, order, dtype):
    net = fj.Network([dense(3, 1), fj.LayerNorm(), dense(1, 2)], dtype=dtype, engine=engine, order=order)
    assert not net.jacobian(points(3, dtype)).any()
    assert not net.jvp(points(3, dtype), points(3, dtype)).any()
    assert not net.vjp(points(3, dtype), points(2, dtype)).any()


def test_plain_layers_stay_as_they_are():
    layers = [dense(3, 5, "tanh"), dense(5, 2)]
    assert fj.Network([fj.Affine(), *layers, fj.Affine(1.0)]).layers == tuple(layers)
    assert fj.Network(layers).center is None


@pytest.mark.parametrize("first", [fj.Affine(numbers(3, 1)), fj.LayerNorm(numbers(3, 1)), dense(3, 3)])
def test_first_part_of_a_block_tells_how_many_inputs_there_are(first):
    assert fj.Network([fj.Residual([fj.Elementwise("tanh"), first, fj.Elementwise("tanh")])]).n_in == 3


def test_center_loses_no_digits():
    """With inputs far from zero beside their spread, Wᵀx − Wᵀc would lose six digits."""
    mean, std = 1e6, 0.5
    net = fj.Network([fj.Affine(1 / std, center=mean), dense(1, 3, bias=False)])
    x = np.array([mean + 0.125])
    with mp.workdps(40):
        exact = [float((mp.mpf(x[0]) - mean) / std * mp.mpf(float(weight))) for weight in net.layers[0].W[0] * std]
    np.testing.assert_allclose(net(x), exact, rtol=4e-16)


@pytest.mark.parametrize("name", ["layers", "scaling"])
def test_page_runs(name):
    page = Path(__file__).parents[1] / "docs" / f"{name}.md"
    if not page.exists():
        pytest.skip("needs the sources beside the tests")
    exec("".join(re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)), {})


def test_copies_and_files(parts, tmp_path):
    net = fj.Network(parts)
    x = points(net.n_in)
    fj.save_npz(net, tmp_path / "net.npz")
    for again in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net), fj.from_npz(tmp_path / "net.npz")):
        for got, expected in zip(again.value_and_jacobian(x), net.value_and_jacobian(x)):
            assert np.array_equal(got, expected)
    assert net.formula().count("\\begin{aligned}") == 1
    assert "<svg" in net.diagram()
    assert repr(net)


def test_dtype_is_that_of_the_arrays():
    W, scale = np.eye(2, dtype=np.float32), np.ones(2, np.float32)
    assert fj.Network([fj.Affine(scale, center=2.0), (W,), fj.Residual([(W,)])]).dtype == np.float32
    assert fj.Network([fj.Affine(scale.astype(float)), (W,)]).dtype == np.float64


def test_center_beyond_the_dtype():
    parts = [fj.Affine(center=[0.0, 1e300]), dense(2, 3)]
    assert fj.Network(parts)(np.zeros(2)).shape == (3,)
    with pytest.raises(ValueError, match=r"center: expected numbers that are finite in float32, got 1e\+300"):
        fj.Network(parts, dtype="float32")


def test_scaling():
    net = fj.Network([dense(3, 7, "tanh"), dense(7, 2, "tanh")])
    mean_x, std_x, mean_y, std_y = numbers(3, 1), np.exp(numbers(3, 2)), numbers(2, 1), np.exp(numbers(2, 2))
    scaled = net.with_input_scaling(mean_x, std_x).with_output_scaling(mean_y, std_y)
    x = points(3)
    y, J = net.value_and_jacobian((x - mean_x) / std_x)
    assert_close(scaled.value_and_jacobian(x), (mean_y + std_y * y, std_y[:, None] * J / std_x))
    twice = net.with_input_scaling(mean_x, std_x).with_input_scaling(0.0, 2.0)
    assert_close(twice(x), net((x / 2 - mean_x) / std_x))
    assert net.with_output_scaling(0, 2).dtype == net.dtype
    for std in (0.0, [1, 2, 0], np.nan):
        with pytest.raises(ValueError, match="std: expected finite numbers other than zero"):
            net.with_input_scaling(0.0, std)


@pytest.mark.parametrize("parts, message", [
    ([dense(3, 5), dense(4, 2)], r"layer 2: expected 5 inputs, the width before it, got W of shape \(4, 2\)"),
    ([fj.Affine(np.ones(2)), dense(3, 5)], "layer 2: expected 2 inputs"),
    ([dense(3, 5, "tanh"), fj.Affine(np.ones(3)), dense(5, 2)], "layer 2: expected numbers for 5 units, .* got 3"),
    ([fj.Elementwise("tanh")], "layer 1: expected a layer with weights before it"),
    ([fj.Residual([fj.Elementwise("tanh")])], "layer 1: expected a layer with weights in the block"),
    ([fj.Residual([dense(3, 4)])], "layer 1: expected a block as wide at its end as at its beginning, 3, got 4"),
    ([fj.Residual([dense(3, 4)], dense(3, 5))], "layer 1: expected a block as wide as the skip, 5, got 4"),
    ([fj.Residual([dense(3, 4)], dense(2, 4))], r"layer 1: expected 2 inputs, .* got W of shape \(3, 4\)"),
    ([dense(3, 4), fj.Residual([dense(4, 4)], dense(3, 4))], "layer 2: skip: expected 4 inputs, .* got W of shape"),
    ([dense(3, 4), fj.LayerNorm(np.ones(3))], "layer 2: expected numbers for 4 units, the width before it, got 3"),
    ([fj.RMSNorm(), dense(3, 4)], "layer 1: expected a layer with weights before it"),
])
def test_parts_that_do_not_fit(parts, message):
    with pytest.raises(ValueError, match=message):
        fj.Network(parts)


@pytest.mark.parametrize("make, error, message", [
    (lambda: fj.Affine(np.ones((2, 2))), ValueError, r"scale: expected a number or a vector, got shape \(2, 2\)"),
    (lambda: fj.Affine(np.inf), ValueError, "scale: expected finite numbers, got inf"),
    (lambda: fj.Affine([1, 2], [1, 2, 3]), ValueError, "expected as many numbers of each"),
    (lambda: fj.Affine(1j), TypeError, "scale: expected real numbers"),
    (lambda: fj.Elementwise("nothing"), ValueError, "nothing"),
    (lambda: fj.Elementwise("tanh", slope=1), TypeError, "slope"),
    (lambda: fj.Residual([]), ValueError, "expected at least one"),
    (lambda: fj.Concatenation([]), ValueError, "expected at least one"),
    (lambda: fj.Residual([dense(3, 3)], 3), TypeError, r"skip: expected a Layer or a tuple \(W, b\), got int"),
    (lambda: fj.Residual([dense(3, 3)], dense(3, 3, "tanh")), ValueError, "skip: .* without activation, got tanh"),
    (lambda: fj.LayerNorm(epsilon=-1), ValueError, "epsilon: expected a number of at least 0, got -1"),
    (lambda: fj.RMSNorm(epsilon=[1, 2]), ValueError, r"epsilon: expected a number, got shape \(2,\)"),
    (lambda: fj.LayerNorm(1j), TypeError, "scale: expected real numbers"),
    (lambda: fj.Layer(np.eye(3), n_carried=3), ValueError, "n_carried: expected a number from 0 to 2, got 3"),
    (lambda: fj.Network([fj.Residual([3])]), TypeError, "expected a Layer"),
])
def test_bad_parts(make, error, message):
    with pytest.raises(error, match=message):
        make()
