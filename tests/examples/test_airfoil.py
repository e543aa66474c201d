"""Airfoil sensitivities: NeuralFoil's own code differentiated by the complex step, and a shape that SLSQP finds."""

import numpy as np
import pytest
from loading import fetched_packages, load
from numpy.testing import assert_allclose
from real import neuralfoil

RESULTS = ("analysis_confidence", "CL", "CD", "CM")


@pytest.fixture(scope="module")
def simulate():
    with fetched_packages():
        yield load("airfoil", "simulate")


def aerodynamics(simulate, size):
    folder = neuralfoil.weights_folder()
    return simulate.Aerodynamics(simulate.read(folder, size), folder)


def authors_results(p, size):
    """The results (n, 4) by the package's function at parameters (n, 23), which may be complex."""
    columns = list(p.T)
    shape = {
        "upper_weights": columns[:8],
        "lower_weights": columns[8:16],
        "leading_edge_weight": columns[16],
        "TE_thickness": columns[17],
    }
    found = neuralfoil.authors_function()(shape, *columns[18:], model_size=size)
    return np.stack([found[name] for name in RESULTS], axis=-1)


def points(simulate):
    p = simulate.cases(5)
    p[:, 17], p[:, 20:] = 0.003, np.array([[5, 0.4, 1], [7, 1, 0.5], [9, 1, 1], [11, 0.6, 0.7], [12, 0.9, 0.8]])
    return p


@pytest.mark.parametrize("size", ["xxsmall", "xlarge"])
def test_values_and_derivatives_are_those_of_the_authors_code(simulate, size):
    p = points(simulate)
    y, J = aerodynamics(simulate, size).value_and_jacobian(p)
    assert_allclose(y, authors_results(p, size), rtol=1e-12)
    assert np.sum(y[:, 0] > 0.5) >= 4  # within the training
    steps = 1e-200j * np.eye(23)
    expected = np.stack([authors_results(p + step, size).imag / 1e-200 for step in steps], axis=-1)
    assert_allclose(J, expected, rtol=1e-10)


def test_value_alone_is_the_same(simulate):
    aero = aerodynamics(simulate, "xxsmall")
    p = points(simulate)
    assert_allclose(aero(p), aero.value_and_jacobian(p)[0], rtol=1e-14)
    assert_allclose(aero(p[0]), aero(p)[0], rtol=1e-14)


def test_mirror_image_has_the_mirrored_results(simulate):
    aero = aerodynamics(simulate, "medium")
    p = points(simulate)
    mirror = p.copy()
    mirror[:, :8], mirror[:, 8:16] = -p[:, 8:16], -p[:, :8]
    mirror[:, [16, 18]] *= -1
    mirror[:, 21:] = p[:, :20:-1]
    assert_allclose(aero(mirror) * [1, -1, 1, -1], aero(p), rtol=1e-10)


def test_shape_is_that_of_its_name(simulate):
    x = np.array([0.3, 0.4, 1.0])
    upper, lower = simulate.surface(x) @ simulate.naca(camber=0.02, place=0.4, thickness=0.15)
    assert_allclose((upper - lower)[0], 0.15, atol=2e-4)
    assert_allclose((upper + lower)[1] / 2, 0.02, atol=2e-4)
    assert_allclose(upper[2], 0.00105 * 1.5, atol=2e-4)  # half the open trailing edge of the formula
    binomial = [1, 7, 21, 35, 35, 21, 7, 1]
    weights = np.random.default_rng(0).normal(size=18)
    expected = sum(w * b * 0.3 ** (k + 0.5) * 0.7 ** (8 - k) for k, (w, b) in enumerate(zip(weights[8:16], binomial)))
    expected += weights[16] * 0.3 * 0.7**8.5 - 0.15 * weights[17]
    assert_allclose((simulate.surface(x) @ weights)[1, 0], expected)


def test_every_way_leads_to_the_same_shape(simulate):
    aero = aerodynamics(simulate, "xxsmall")
    ways = simulate.compare(aero, seconds=0, fewest=1)
    result, n_calls, _ = ways["exact"]
    assert result.success
    for other, other_calls, _ in ways.values():
        assert_allclose(other.fun, result.fun, rtol=1e-5)
        assert other_calls >= n_calls / 2
    assert ways["differences of SciPy"][1] > 20 * n_calls

    p = simulate.Design(None).parameters(result.x)
    found = authors_results(p, "xxsmall")
    assert_allclose(found[:, 1], simulate.LIFTS, atol=1e-6)
    assert found[:, 3].min() > -0.1 - 1e-6 and found[:, 0].min() > 0.95 - 1e-6
    upper, lower = simulate.surface([0.3, 0.6, 0.9]) @ p[0, :18]
    assert np.all(upper - lower > np.array([0.12, 0.07, 0.014]) - 1e-8)
    assert found[:, 2].mean() < 0.9 * simulate.polar(aero, simulate.START, simulate.LIFTS)[:, 2].mean()


def test_jacobian_of_the_design(simulate):
    design = simulate.Design(simulate.exact(aerodynamics(simulate, "xxsmall")))
    u, h = design.start, 1e-6
    J = design.jacobian(u).copy()
    columns = [design.results(u + step) - design.results(u - step) for step in h * np.eye(u.size)]
    expected = np.stack(columns, axis=-1) / (2 * h)
    assert_allclose(J, expected, rtol=0, atol=1e-7 * abs(expected).max())


def test_absent_package_is_named(simulate):
    with pytest.raises(SystemExit, match="expected the package no_such_package.*pip install --no-deps such-name"):
        simulate.packages.folder("no_such_package", "such-name")
