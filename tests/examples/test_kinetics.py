"""Stiff kinetics: the mechanism, the learned rates, and what the exact Jacobian saves."""

import numpy as np
import pytest
from loading import EXAMPLES, load
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

import fastjac as fj


@pytest.fixture(scope="module")
def simulate():
    return load("kinetics", "simulate")


@pytest.fixture(scope="module")
def train():
    return load("kinetics", "train")


@pytest.fixture(scope="module")
def net():
    return fj.from_npz(EXAMPLES / "kinetics" / "kinetics.npz")


def complex_step(slope, u):
    return np.stack([slope(3e4, u + 1e-200j * e).imag / 1e-200 for e in np.eye(u.size)], axis=1)


def test_rate_laws_of_the_mechanism(simulate, train):
    # NO + O3 -> NO2 + O2 and NO2 + light -> NO + O, written out; the others by their sum.
    y, light = np.array([30.0, 2e8, 5e11, 7e8, 3e8]), 0.4
    rates = np.exp(train.log_rates(np.append(np.log(y), light)))
    assert_allclose(rates[7], 6.062e-15 * y[3] * y[2])
    assert_allclose(rates[9], 1.289e-2 * light * y[4])
    assert_allclose(rates[0], 2.643e-10 * light**3 * 1.697e16)
    nitrogen = train.STOICHIOMETRY @ [0, 0, 0, 1, 1]
    assert not nitrogen.any()


def test_jacobian_of_the_mechanism(simulate):
    u = np.log(simulate.START) + 0.1
    expected = complex_step(simulate.slope, u)
    assert_allclose(simulate.slope_jacobian(3e4, u), expected, rtol=1e-9, atol=1e-9 * abs(expected).max())


def test_shipped_network_knows_the_rates(train, net):
    assert train.error_of_rates(net, n_points=512) < 1e-3
    assert_allclose(net.layers[-1].W[:, 3] + net.layers[-1].W[:, 4], 0)  # no nitrogen is made


@pytest.mark.parametrize("model", ["Parcel", "Ring"])
def test_jacobian_of_the_models(simulate, net, model):
    n = () if model == "Parcel" else (4,)
    exact = getattr(simulate, model)(net, *n)
    by_hand = getattr(simulate, model)(simulate.others.by_hand(net), *n)
    u = exact.start + 0.1 * np.random.default_rng(0).normal(size=exact.start.size)
    J, expected = exact.jacobian(3e4, u), complex_step(by_hand.slope, u)
    J = J if model == "Parcel" else J.toarray()
    rows = abs(expected).max(axis=1, keepdims=True)
    assert_allclose(J / rows, expected / rows, rtol=0, atol=1e-9)
    if model == "Ring":
        assert not np.any(expected[exact.pattern.toarray() == 0])


def test_solution_is_that_of_the_mechanism(simulate, net):
    results = simulate.compare_parcel(net, days=0.5, methods=("Radau",), seconds=0, fewest=1)
    exact, differences = results["Radau", "exact"][0], results["Radau", "finite differences"][0]
    truth = simulate.true_solution(0.5)
    assert np.all(simulate.errors(exact, truth, 0.5) < 5e-3)
    assert exact.n_calls == exact.nfev + exact.njev
    assert differences.n_calls == differences.nfev + 5 * differences.njev > exact.n_calls


def test_ring_needs_fewer_calls_with_the_exact_jacobian(simulate, net):
    results = simulate.compare_ring(net, n=12, days=0.1, seconds=0, fewest=1)
    exact, sparse, dense = (results["BDF", way][0] for way in simulate.WAYS)
    assert 1.1 * exact.n_calls < sparse.n_calls
    assert 1.2 * sparse.n_calls < dense.n_calls
    at = np.linspace(100, 0.1 * simulate.DAY, 20)
    assert_allclose(exact.sol(at), dense.sol(at), rtol=0, atol=1e-4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the other programs, while they are imported
@pytest.mark.parametrize("program", ["sksundae", "casadi"])
def test_cvode_comes_to_the_same(simulate, net, program):
    pytest.importorskip(program)
    model, days = simulate.Parcel(net), 0.02
    expected = solve_ivp(model.slope, (0, days * 86400), model.start, "Radau", rtol=1e-9, atol=1e-9).y[:, -1]
    found = simulate.cvode(model, days) if program == "sksundae" else simulate.casadi_cvodes(net, days)()
    assert_allclose(found, expected, rtol=0, atol=1e-4)
    if program == "sksundae":
        ring = simulate.Ring(net, 4)
        exact, n_calls = simulate.cvode(ring, days), ring.n_calls
        assert_allclose(simulate.cvode(ring, days, exact=False), exact, rtol=0, atol=1e-4)
        assert n_calls < ring.n_calls


def test_training_converges(train, monkeypatch):
    monkeypatch.setattr(train, "WIDTHS", (6, 6, 10))
    net = train.train(n_points=128, n_iterations=12, report=lambda line: None)
    assert train.error_of_rates(net, n_points=128) < 0.5
