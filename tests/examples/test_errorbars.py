"""Error bars of a pipeline: against differences and draws through `predict`, and against the truth."""

import sys

import numpy as np
import pytest
from loading import load
from numpy.testing import assert_allclose

import fastjac as fj


@pytest.fixture(scope="module")
def simulate():
    return load("errorbars", "simulate")


@pytest.fixture(scope="module")
def meter():
    return load("errorbars", "meter")


@pytest.fixture(scope="module")
def calibrated(simulate):
    pytest.importorskip("sklearn")
    return simulate.pipeline()


def smooth_network(meter):
    """Some network of the conditions, of which every input matters."""
    rng = np.random.default_rng(0)
    net = fj.Network([(rng.normal(size=(3, 8)), rng.normal(size=8), "tanh"), (rng.normal(size=(8, 1)), None, "exp")])
    return net.with_input_scaling((meter.LOW + meter.HIGH) / 2, meter.HIGH - meter.LOW)


def test_flow_is_that_of_the_textbook(meter):
    density = 5e5 * 0.0289647 / (8.314462 * 300)
    area = np.pi * 0.025**2
    expected = 0.61 * area * (1 - 0.37 / 50) * (2 * density * 1e4 / (1 - 0.5**4)) ** 0.5
    assert_allclose(meter.flow(np.array([10.0, 500.0, 300.0])), expected, rtol=1e-4)
    x, q = meter.calibration()
    error = q / meter.flow(x) - 1
    assert_allclose(error.std(), 0.002, rtol=0.1)
    assert np.all(x >= meter.LOW) and np.all(x <= meter.HIGH)


def test_readings_have_the_covariance_that_is_stated(meter):
    x = meter.conditions(3, seed=2)
    drawn = meter.readings(x, 40_000, seed=1)
    assert_allclose(drawn.mean(axis=0), x, rtol=2e-3)
    for k in range(3):
        sigma = np.array([np.hypot(0.04, 0.005 * x[k, 0]), 0.005 * x[k, 1], 1])
        found = np.cov(drawn[:, k].T)
        assert_allclose(np.sqrt(np.diag(found)), sigma, rtol=0.02)
        correlation = found / np.outer(sigma, sigma)
        assert_allclose(correlation[[0, 0, 1], [1, 2, 2]], [0.6, 0, 0], atol=0.025)


def test_bars_are_those_by_differences_and_by_draws(simulate, meter):
    net, x = smooth_network(meter), meter.conditions(20, seed=4)
    P = meter.covariance(x)
    found = simulate.bars(net, x, P)
    assert_allclose(found, [np.sqrt(J[0] @ each @ J[0]) for J, each in zip(net.jacobian(x), P)], rtol=1e-12)

    def predict(x):
        return net(x)[:, 0]

    assert_allclose(simulate.bars_by_differences(predict, x, P), found, rtol=1e-6)
    assert_allclose(simulate.bars_by_draws(predict, x, 10_000), found, rtol=0.04)


def test_coverage_of_normal_deviations_is_nominal(simulate):
    sigma = np.random.default_rng(2).uniform(1, 2, 40_000)
    deviation = sigma * np.random.default_rng(3).standard_normal(40_000)
    assert_allclose(simulate.coverage(deviation, sigma), [0.5, 0.68, 0.9, 0.95, 0.99], atol=0.01)
    assert_allclose(simulate.coverage(deviation, 2 * sigma, [0.6827]), [0.9545], atol=0.01)


def test_pipeline_is_read_and_has_its_bars(simulate, meter, calibrated):
    model, scatter = calibrated
    net, x = fj.from_sklearn(model), meter.conditions(50, seed=9)
    assert scatter < 0.006
    assert_allclose(net(x)[:, 0], model.predict(x), rtol=1e-12)
    P = meter.covariance(x)
    found = simulate.bars(net, x, P)
    assert_allclose(simulate.bars_by_differences(model.predict, x, P), found, rtol=1e-6)
    assert_allclose(simulate.bars_by_draws(model.predict, x, 5000), found, rtol=0.08)
    took = simulate.times(net, model.predict, n_points=10, n_draws=2, seconds=0)
    assert len(took) == 5 and all(seconds > 0 for seconds in took.values())


def test_truths_are_within_the_bars_as_often_as_they_should(simulate, calibrated):
    model, scatter = calibrated
    deviation, stated = simulate.in_the_field(fj.from_sklearn(model), scatter, n_draws=50)
    shares = {name: simulate.coverage(deviation, sigma, [0.68, 0.95]) for name, sigma in stated.items()}
    assert_allclose(shares["and J P Jᵀ"], [0.68, 0.95], atol=0.03)
    assert np.all(shares["calibration alone"] < [0.4, 0.65])
    assert np.all(shares["and the diagonal of P"] < shares["and J P Jᵀ"] - 0.01)


def test_absent_package_is_named(simulate, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.compose", None)
    with pytest.raises(SystemExit, match="expected scikit-learn.*pip install scikit-learn"):
        simulate.pipeline()
