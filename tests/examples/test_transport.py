"""A transport step with QLKNN: fluxes and residual written out once more, their derivative, and Newton's method."""

import numpy as np
import pytest
from loading import fetched_packages, load
from numpy.testing import assert_allclose
from real import fusion_surrogates

MASS = 2 * 1.66053907e-27
CHARGE = 1.602176634e-19
KEV = 1000 * CHARGE


@pytest.fixture(scope="module")
def simulate():
    with fetched_packages():
        yield load("transport", "simulate")


@pytest.fixture(scope="module")
def net(simulate):
    return simulate.read(simulate.packages.folder("fusion_surrogates", "fusion-surrogates"))


@pytest.fixture(scope="module")
def core(simulate, net):
    return simulate.Core(simulate.part_of(net))


@pytest.fixture(scope="module")
def start(simulate, core):
    return simulate.balanced(core)


def fluxes_of_ions_and_electrons(x):
    """In units of gyro-Bohm, at a point, from the package's own file and as its list of fluxes says."""
    targets = x
    for layer in fusion_surrogates.qlknn().layers:
        h = targets @ layer.W + layer.b
        targets = np.tanh(h) if layer.activation == "tanh" else h
    itg, itg_share, tem, tem_share, _, etg, _, _ = targets
    itg, tem, etg = (flux if flux.real > 0 else 0 * flux for flux in (itg, tem, etg))
    return itg + tem_share * tem, itg_share * itg + tem + etg


def residual_by_hand(T, before, step, share, n):
    """Of backward Euler in keV, for T of shape (n, 2) that may be complex."""
    width = 0.9 / n
    out = np.zeros((n + 1, 2), dtype=complex)  # W through the face within each cell, and through the last
    for k in range(1, n + 1):
        r = k * width
        inner, outer = T[k - 1], T[k] if k < n else 2 * np.array([1.2, 1.2]) - T[k - 1]
        at, slope = (inner + outer) / 2, (outer - inner) / width
        n_e = 5e19 * (1 - 0.4 * r**2)
        density = np.array([0.9, 1]) * n_e
        chi = 2.0 if r < 0.15 - 1e-9 else 0.3
        q = -density * KEV * chi * slope
        if chi == 0.3:
            safety = 1 + 2.5 * r**2
            by_density = 3 * 0.8 * r / (1 - 0.4 * r**2)
            rate = 1.5 * n_e * (15.2 - np.log(n_e / 1e20) / 2 + np.log(at[1])) / (1.09e16 * at[1] ** 1.5)
            bounce = safety * 3 / ((r / 3) ** 1.5 * np.sqrt(KEV * at[1] / 9.1093837e-31))
            x = [-3 * slope[0] / at[0], -3 * slope[1] / at[1], by_density, by_density, safety, 5 * r**2 / safety, r,
                 at[0] / at[1], np.log10(rate * bounce), 0.9]
            chi_GB = np.sqrt(MASS) * (KEV * at[0]) ** 1.5 / (CHARGE * 3) ** 2
            q = q + density * KEV * at * chi_GB * fluxes_of_ions_and_electrons(np.array(x))
        out[k] = 4 * np.pi**2 * 3 * r * q
    residual = np.zeros((n, 2), dtype=complex)
    middle = (np.arange(n) + 0.5) * width
    volumes = 4 * np.pi**2 * 3 * middle * width
    profile = np.exp(-((middle / 0.3) ** 2)) * volumes
    for k in range(n):
        n_e = 5e19 * (1 - 0.4 * middle[k] ** 2)
        rate = n_e * (15.2 - np.log(n_e / 1e20) / 2 + np.log(T[k, 1])) / (1.09e16 * T[k, 1] ** 1.5)
        to_ions = 3 * 9.1093837e-31 / MASS * n_e * rate * KEV * (T[k, 1] - T[k, 0]) * volumes[k]
        power = share * np.array([8e6, 7e6]) * profile[k] / profile.sum() + [to_ions, -to_ions]
        content = 1.5 * n_e * np.array([0.9, 1]) * KEV * volumes[k]
        residual[k] = T[k] - before[k] - step / content * (power - out[k + 1] + out[k])
    return residual


def test_network_is_that_of_the_authors(net):
    data = fusion_surrogates.qlknn_test_data()
    assert_allclose(net(data["inputs"]), data["outputs"], rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("steepness", "modes"), [([1.9, 2.1], {"ITG", "ETG"}), ([0.5, 2.5], {"TEM", "ETG"}), ([1.2, 1.0], set())]
)
def test_residual_and_its_derivative_are_those_written_out(simulate, net, steepness, modes):
    n = 9
    core = simulate.Core(simulate.part_of(net), n)
    T = 1.2 * np.exp(np.outer(0.9 - core.r, steepness)) + 0.005 * np.random.default_rng(0).normal(size=(n, 2))
    before, step, share = 0.9 * T, 0.01, 0.7
    r, band = core.residual(T, before, step, core.flux, share)
    expected = residual_by_hand(T, before, step, share, n)
    assert_allclose(r, expected.real, rtol=1e-8, atol=1e-9)
    matrix = np.zeros((2 * n, 2 * n))
    for i in range(2 * n):
        for j in range(max(0, i - 3), min(2 * n, i + 4)):
            matrix[i, j] = band[3 + i - j, j]
    columns = [residual_by_hand(T + 1e-200j * e.reshape(n, 2), before, step, share, n) for e in np.eye(2 * n)]
    expected = np.stack([column.imag.ravel() / 1e-200 for column in columns], axis=1)
    leading = net(core.inputs(*core.at_faces(T))[0])[:, [0, 2, 5]]
    assert {name for name, flux in zip(("ITG", "TEM", "ETG"), leading.T) if flux.max() > 0} == modes
    assert_allclose(matrix, expected, rtol=1e-8, atol=1e-9 * abs(expected).max())


def test_newton_converges_quadratically_to_what_conserves_heat(simulate, core, start):
    T, residuals = simulate.advance(core, start, 0.1, core.flux)
    assert len(residuals) <= 9
    assert residuals[-2] < 20 * residuals[-3] ** 2  # the last is near rounding
    q = core.flux(*core.at_faces(T))[0][-1] * 4 * np.pi**2 * 3 * 0.9
    assert_allclose(np.sum(core.content * (T - start)), 0.1 * (15e6 - q.sum()), rtol=1e-8)
    assert np.all(start - 1e-9 < T) and np.all(T[:, 0] < T[:, 1] + 1e-9) and T.max() < 10


def test_differences_lead_there_and_frozen_diffusivities_do_not(simulate, net, core, start):
    T, _ = simulate.advance(core, start, 0.1, core.flux)
    ways = simulate.tangents(net, core)
    for name in ("differences, step 1e-6", "differences, step 1e-3"):
        other, residuals = simulate.advance(core, start, 0.1, *ways[name])
        assert residuals[-1] < 1e-8
        assert_allclose(other, T, rtol=0, atol=1e-7)
    for name in ("frozen", "frozen, 3 % of the step", "frozen, 30 m²/s added"):
        _, residuals = simulate.advance(core, start, 0.1, *ways[name], n_iterations=15)
        assert residuals[-1] > 0.1


def test_steps_converge_in_first_order(simulate, net, core, start):
    fine = simulate.follow(core, start, 64, 0.02 / 64, core.flux)[0][-1]
    few, more = (simulate.follow(core, start, n, 0.02 / n, core.flux)[0][-1] for n in (4, 8))
    assert 1.6 < abs(few - fine).max() / abs(more - fine).max() < 2.8  # (1/4 - 1/64) / (1/8 - 1/64) = 2.1
    once, n_iterations = simulate.follow(core, start, 8, 0.02 / 8, core.flux, n_iterations=1)
    assert n_iterations == 8
    assert abs(once[-1] - fine).max() < 2 * abs(more - fine).max()
    added = simulate.follow(core, start, 8, 0.02 / 8, simulate.frozen(net, core.n, 30), n_iterations=1)[0][-1]
    assert abs(added - fine).max() > 3 * abs(once[-1] - fine).max()
