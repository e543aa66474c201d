"""Networks that other people trained: their values, and Jacobians against long double.

The files come out of packages that `tests/real/fetch.py` installs; without them the tests skip,
unless CI or FASTJAC_REQUIRE_REAL is set in the environment: then they fail.
"""

from functools import cache, partial

import numpy as np
import pytest
from oracles import (
    HAS_EXTENDED,
    normwise,
    numpy_reference,
    plain,
    reference,
    running_bound,
    unit_roundoff,
)
from real import fliesann, fusion_surrogates, neuralfoil
from textbook import EXTENDED

import fastjac as fj
from fastjac.kernels import dispatch

needs_extended = pytest.mark.skipif(not HAS_EXTENDED, reason="long double is not 80 bits wide here")

NETWORKS = {
    **{f"neuralfoil {size}": partial(neuralfoil.network, size) for size in neuralfoil.SIZES},
    "fusion-surrogates QLKNN": fusion_surrogates.qlknn,
    **{f"fusion-surrogates fast ions {species}": partial(fusion_surrogates.fast_ions, species)
       for species in fusion_surrogates.FAST_IONS},
    "fliesann": fliesann.network,
}
NORMWISE = {np.float64: 1e-14, np.float32: 5e-6}


def build(layers, **options):
    return fj.Network([fj.Layer(layer.W, layer.b, layer.activation) for layer in layers], **options)


@pytest.fixture(params=dispatch.available())
def simd(request):
    """Each build that this CPU runs, and the previous one afterwards."""
    previous = dispatch.simd_level()
    dispatch.select(request.param)
    yield request.param
    dispatch.select(previous)


@cache
def examined(name, dtype):
    """Layers and inputs in a dtype; exact value and J, the bounds, and J by NumPy."""
    trained = NETWORKS[name]()
    layers, x = plain(trained.layers, dtype), trained.x.astype(dtype)
    numpy_J = np.stack([numpy_reference(layers, point, dtype)[1] for point in x])
    return layers, x, reference(layers, x), running_bound(layers, x, dtype)[:2], numpy_J


def errors(name, dtype, order="auto"):
    """Normwise errors of J at each point: the library's and NumPy's."""
    layers, x, (_, J), _, numpy_J = examined(name, dtype)
    return normwise(build(layers, order=order).jacobian(x), J), normwise(numpy_J, J)


@needs_extended
@pytest.mark.parametrize("order", ["auto", "forward", "reverse"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])
@pytest.mark.parametrize("name", NETWORKS)
def test_jacobian_within_gates(name, dtype, order, simd, record_property):
    """G1 in every component, G3 for the whole of J and for the row of every output."""
    layers, x, (y, J), (e, B), numpy_J = examined(name, dtype)
    net = build(layers, order=order)
    computed_y, computed_J = net.value_and_jacobian(x)
    assert computed_J.dtype == dtype
    assert (abs(computed_y - y) <= e).all()
    assert (abs(computed_J - J) <= B).all()

    error, by_numpy = normwise(computed_J, J), normwise(numpy_J, J)
    assert error.max() <= NORMWISE[dtype]
    assert np.median(error) <= 2 * np.median(by_numpy) + 4 * unit_roundoff(dtype)
    for i in range(net.n_out):
        row, row_by_numpy = (normwise(part[:, i:i + 1], J[:, i:i + 1]) for part in (computed_J, numpy_J))
        assert row.max() <= 2 * row_by_numpy.max() + 16 * unit_roundoff(dtype)
    record_property("largest_normwise_error", error.max())


@pytest.mark.parametrize("size", neuralfoil.SIZES)
def test_neuralfoil_values(size):
    """Lift, drag, moment and edge velocities as the package's own function computes them."""
    case = neuralfoil.airfoils()
    expected = neuralfoil.authors_function()(**case, model_size=size)
    computed = neuralfoil.coefficients(build(neuralfoil.network(size).layers), case)
    for name, values in computed.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-12, atol=1e-13, err_msg=name)


def test_qlknn_values():
    """All eight targets at the authors' 25 test inputs, to the digits that their own test asks for."""
    data = fusion_surrogates.qlknn_test_data()
    y = build(fusion_surrogates.qlknn().layers)(data["inputs"])
    np.testing.assert_allclose(y, data["outputs"], rtol=0, atol=1.5e-10)


@pytest.mark.parametrize("species", fusion_surrogates.FAST_IONS)
def test_fast_ions_values(species):
    """The expected outputs of the authors' regression test, which were computed in float32."""
    net = build(fusion_surrogates.fast_ions(species).layers)
    data = fusion_surrogates.fast_ions_test_data()
    np.testing.assert_allclose(fusion_surrogates.stabilisation(net, data["x"]), data[species], rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])
def test_fliesann_values(dtype):
    """All seven outputs at the package's calibration sites, published in float32."""
    x, expected = fliesann.table()
    assert len(x) > 1000
    y = build(plain(fliesann.layers(), dtype))(x).astype(float)
    np.testing.assert_allclose(fliesann.published(y, x), expected, rtol=0, atol=2e-6)


def test_every_network_of_the_packages_is_read():
    assert neuralfoil.sizes_in_package() == set(neuralfoil.SIZES)
    assert fusion_surrogates.files_in_package() == {
        "qlknn_7_11.qlknn", *(f"fast_ion_{species}_v1.fistab" for species in fusion_surrogates.FAST_IONS)}
    assert fliesann.files_in_package() == {"FLiESANN.h5"}
