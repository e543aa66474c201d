"""Error bars of a map of sunlight: by the complex step through plain NumPy, and by Monte Carlo."""

import tracemalloc
from functools import cache

import numpy as np
import pytest
from loading import fetched_packages, load
from numpy.testing import assert_allclose

pytest.importorskip("h5py")
from real import fliesann

layers = cache(fliesann.layers)


@pytest.fixture(scope="module")
def simulate():
    with fetched_packages():
        yield load("radiation", "simulate")


@pytest.fixture(scope="module")
def net(simulate):
    with fetched_packages():
        return simulate.network()


@pytest.fixture(scope="module")
def part(simulate, net):
    return net.select(wrt=simulate.COLUMNS)


@pytest.fixture(scope="module")
def pixels(simulate):
    return simulate.scene(64)[::41]


def by_numpy(x):
    """Sunlight and direct infrared (2,) at one pixel, which may be complex."""
    a = x
    for W, b, activation, *_ in layers():
        h = a @ W + b
        a = {"identity": h, "relu": np.where(h.real > 0, h, 0), "sigmoid": 1 / (1 + np.exp(-h))}[activation]
    sunlight = 1333.6 * np.cos(x[13] * np.pi / 180) * a[0]
    return np.array([sunlight, sunlight * a[3] - sunlight * a[3] * a[6]])


def derivatives(x):
    """Of `by_numpy` by cloud, aerosol, vapour, ozone, albedo, (2, 5)."""
    return np.stack([by_numpy(x + 1e-200j * np.eye(14)[k]).imag / 1e-200 for k in range(7, 12)], axis=-1)


def test_errors_are_those_by_the_complex_step(simulate, part, pixels):
    value, sigma = simulate.with_errors(part, pixels)
    P = simulate.covariance(pixels)
    for x, each, found, errors in zip(pixels, P, value, sigma):
        J = derivatives(x)
        assert_allclose(found, by_numpy(x), rtol=1e-12)
        assert_allclose(errors, np.sqrt(np.diag(J @ each @ J.T)), rtol=1e-9)


def test_strips_are_of_any_length(simulate, part, pixels):
    expected = simulate.with_errors(part, pixels)
    for strip in (1, 7, len(pixels), 1000):
        assert_allclose(simulate.with_errors(part, pixels, strip), expected, rtol=1e-12)


def test_memory_is_that_of_the_results_and_a_strip(simulate, part):
    x = simulate.scene(256)
    tracemalloc.start()
    try:
        results = simulate.with_errors(part, x, strip=1024)
        assert tracemalloc.get_traced_memory()[1] < sum(each.nbytes for each in results) + 2e6
    finally:
        tracemalloc.stop()


def test_other_ways_agree(simulate, net, part, pixels):
    value, sigma = simulate.with_errors(part, pixels)
    ways = [part, simulate.others.by_hand(net).select(simulate.COLUMNS)]
    for way in ways:
        assert_allclose(simulate.by_formed_jacobian(way, pixels), (value, sigma), rtol=1e-9)
    differences = simulate.others.finite_differences(net, simulate.COLUMNS)
    assert_allclose(simulate.by_formed_jacobian(differences, pixels)[1], sigma, rtol=1e-2)
    assert all(rate > 0 for rate in simulate.rates(net, part, pixels, n_draws=4, seconds=0).values())


def test_largest_cause_is_what_a_single_error_would_do(simulate, part, pixels):
    for x, P, found in zip(pixels, simulate.covariance(pixels), simulate.dominant(part, pixels)):
        alone = abs(derivatives(x)[0]) * np.sqrt(np.diag(P))
        assert found == alone.argmax()


def test_roughness_is_that_of_the_slope_by_the_complex_step(simulate, part, pixels):
    x = pixels[pixels[:, 7] > 0][:2]
    for each, found in zip(x, simulate.roughness(part, x, n=9)):
        slopes = []
        for factor in np.linspace(0.85, 1.15, 9):
            near = each.copy()
            near[7] *= factor
            slopes.append(derivatives(near)[0, 0])
        assert_allclose(found, min(slopes) / max(slopes), rtol=1e-9)


def test_monte_carlo_of_a_linear_law_is_exact(simulate, pixels):
    W = np.zeros((14, 3))
    W[simulate.COLUMNS, 0] = 0.01, -0.2, 0.03, 0.1, -0.1
    x = pixels[:4]
    mean, sigma = simulate.monte_carlo(lambda x: x @ W, x, n_draws=20_000)
    above = 1333.6 * np.cos(np.radians(x[:, 13]))
    expected = above * np.sqrt([W[7:12, 0] @ P @ W[7:12, 0] for P in simulate.covariance(x)])
    assert_allclose(sigma[:, 0], expected, rtol=0.03)  # 6 standard errors
    assert_allclose(mean[:, 0], above * (x @ W)[:, 0], rtol=0, atol=5 * expected.max() / 20_000**0.5)


def test_linear_errors_are_those_by_monte_carlo_where_the_sky_is_clear(simulate, part):
    found = simulate.compare(part, simulate.scene(128), n_each=30)
    assert list(found) == ["clear", "cloud below 1", "cloud 1 to 5", "cloud above 5"]
    middle = {name: np.median(linear / drawn, axis=0) for name, (linear, drawn) in found.items()}
    assert_allclose(middle["clear"], 1, atol=0.05)
    assert middle["cloud above 5"][1] < 0.85  # the direct beam fades too fast for a straight line


def test_scene_is_within_what_the_network_was_made_for(simulate, net):
    x = simulate.scene()
    calibration, _ = fliesann.table()
    assert np.all(x[:, 7:].min(axis=0) >= calibration[:, 7:].min(axis=0))
    assert np.all(x[:, 7:].max(axis=0) <= calibration[:, 7:].max(axis=0))
    assert {*map(tuple, np.unique(x[:, :7], axis=0))} < {*map(tuple, calibration[:, :7])}  # there are tropics, too
    y = net(x)
    assert y.min() > 0 and y.max() < 1  # so that the package would not clip them


def test_covariance_has_the_stated_errors(simulate, pixels):
    P = simulate.covariance(pixels)
    x = pixels[pixels[:, 7] > 0][0]
    sigma = [0.15 * x[7], 0.01 + 0.06 * x[8], 0.15 * x[9], 0.03 * x[10], 0.01 + 0.05 * x[11]]
    of_x = P[np.flatnonzero((pixels == x).all(axis=1))[0]]
    assert_allclose(np.sqrt(np.diag(of_x)), sigma)
    assert_allclose(of_x[0, 1], -0.4 * sigma[0] * sigma[1])
    assert_allclose(of_x[1, 2], 0.4 * sigma[1] * sigma[2])
    assert np.linalg.eigvalsh(P).min() > -1e-12
