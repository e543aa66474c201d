"""Networks that other people trained: their values, and Jacobians against long double.

The files come out of packages that `tests/real/fetch.py` installs; without them the tests skip,
unless CI or FASTJAC_REQUIRE_REAL is set in the environment: then they fail.
"""

from functools import cache, partial

import numpy as np
import pytest
from gates import (
    NORMWISE,
    assert_within_bounds,
    both_dtypes,
    build,
    every_build,
    examine,
    excess_over_numpy,
    needs_extended,
)
from oracles import normwise, plain
from real import fliesann, fusion_surrogates, neuralfoil

from fastjac.kernels import dispatch

NETWORKS = {
    # The oracles take seconds for the largest one, so it gets fewer points.
    **{f"neuralfoil {size}": partial(neuralfoil.network, size, n_points=3 if size == "xxxlarge" else 8)
       for size in neuralfoil.SIZES},
    "fusion-surrogates QLKNN": fusion_surrogates.qlknn,
    **{f"fusion-surrogates fast ions {species}": partial(fusion_surrogates.fast_ions, species)
       for species in fusion_surrogates.FAST_IONS},
    "fliesann": fliesann.network,
}
BEST = dispatch.available()[-1]


@cache
def real_case(name, dtype):
    trained = NETWORKS[name]()
    return examine(plain(trained.layers, dtype), trained.x.astype(dtype))


def errors(name, dtype, order="auto", simd=BEST):
    """Normwise errors of J at each point."""
    case = real_case(name, dtype)
    return normwise(build(case.layers, simd, order).jacobian(case.x), case.J)


@needs_extended
@both_dtypes
@every_build
@pytest.mark.parametrize("name", NETWORKS)
def test_jacobian_within_gates(name, dtype, simd):
    """G1 and G2 in every component, so in the row of every output; G3 for the whole of J."""
    case = real_case(name, dtype)
    excess = []
    for order in ("auto", "forward", "reverse"):
        assert_within_bounds(build(case.layers, simd, order), case)
        error = errors(name, dtype, order, simd)
        assert np.median(error) <= NORMWISE[dtype]
        assert error.max() <= 10 * NORMWISE[dtype]
        excess.append(excess_over_numpy(error, case))
        print(f"{name}, {simd}, {order}: largest normwise error {error.max():.1e}")
    assert np.median(excess) <= 1


@pytest.mark.parametrize("size", neuralfoil.SIZES)
def test_neuralfoil_values(size):
    """Lift, drag, moment and edge velocities as the package's own function computes them."""
    case = neuralfoil.airfoils()
    expected = neuralfoil.authors_function()(**case, model_size=size)
    computed = neuralfoil.coefficients(build(neuralfoil.network(size).layers, BEST), case)
    for name, values in computed.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-12, atol=1e-13, err_msg=name)


def test_qlknn_values():
    """All eight targets at the authors' 25 test inputs, to the digits that their own test asks for."""
    data = fusion_surrogates.qlknn_test_data()
    y = build(fusion_surrogates.qlknn().layers, BEST)(data["inputs"])
    np.testing.assert_allclose(y, data["outputs"], rtol=0, atol=1.5e-10)


@pytest.mark.parametrize("species", fusion_surrogates.FAST_IONS)
def test_fast_ions_values(species):
    """The expected outputs of the authors' regression test, which were computed in float32."""
    net = build(fusion_surrogates.fast_ions(species).layers, BEST)
    data = fusion_surrogates.fast_ions_test_data()
    np.testing.assert_allclose(fusion_surrogates.stabilisation(net, data["x"]), data[species], rtol=1e-5)


@both_dtypes
def test_fliesann_values(dtype):
    """All seven outputs at the package's calibration sites, published in float32."""
    x, expected = fliesann.table()
    assert len(x) > 1000
    y = build(plain(fliesann.layers(), dtype), BEST)(x).astype(float)
    np.testing.assert_allclose(fliesann.published(y, x), expected, rtol=0, atol=2e-6)


def test_every_network_of_the_packages_is_read():
    assert neuralfoil.sizes_in_package() == set(neuralfoil.SIZES)
    assert fusion_surrogates.files_in_package() == {
        "qlknn_7_11.qlknn", *(f"fast_ion_{species}_v1.fistab" for species in fusion_surrogates.FAST_IONS)}
    assert fliesann.files_in_package() == {"FLiESANN.h5"}
