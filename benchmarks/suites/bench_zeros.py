"""Zeros and what is nearly zero: inactive units of relu, zero weights, subnormal weights."""

import numpy as np

import fastjac as fj

from .networks import value_and_jacobian

N_POINTS = 20


def random_layers(widths, dtype, activation="relu"):
    random = np.random.default_rng(sum(widths))
    layers = []
    for k, (n_in, n_out) in enumerate(zip(widths, widths[1:], strict=False), start=2):
        W = random.normal(0, np.sqrt(1.5 / n_in), (n_in, n_out)).astype(dtype)
        layers.append((W, np.zeros(n_out, dtype), "identity" if k == len(widths) else activation))
    return layers


def with_active_units(layers, shares, points):
    """The layers with biases by which this share of each layer's units is active at the points."""
    a, biased = points, []
    for (W, _, activation), share in zip(layers, [*shares, None], strict=True):
        h = a @ W
        b = np.zeros(W.shape[1]) if share is None else -np.quantile(h, 1 - share, axis=0)
        a = np.maximum(h + b, 0)
        biased.append((W, b.astype(W.dtype), activation))
    return biased


def make_points(n_in, dtype, n_points=N_POINTS):
    return np.random.default_rng(7).normal(size=(n_points, n_in)).astype(dtype)


class Activity:
    """A network whose second hidden layer is nearly inactive, planned without and with that knowledge."""

    params = (["unknown", "stated"], ["float64", "float32"])
    param_names = ("activity", "dtype")
    shares = (0.9, 0.05)

    def setup(self, activity, dtype):
        layers = random_layers((64, 512, 256, 64), dtype)
        self.layers = with_active_units(layers, self.shares, make_points(64, dtype, 400))
        self.net = fj.Network(self.layers, activity=None if activity == "unknown" else (*self.shares, None))
        self.x = make_points(64, dtype)

    def time_value_and_jacobian(self, activity, dtype):
        return self.net.value_and_jacobian(self.x)

    def reference_value_and_jacobian(self, activity, dtype):
        return value_and_jacobian(self.layers, self.x)


class ZeroWeights:
    """A share of the weights is zero, at random places."""

    params = ([0.0, 0.5, 0.9, 0.95, 0.99], ["float64", "float32"])
    param_names = ("zeros", "dtype")

    def setup(self, zeros, dtype):
        random = np.random.default_rng(3)
        self.layers = [(W * (random.random(W.shape) >= zeros).astype(dtype), b, activation)
                       for W, b, activation in random_layers((64, 256, 256, 64), dtype, "tanh")]
        self.net = fj.Network(self.layers)
        self.x = make_points(64, dtype)

    def time_value_and_jacobian(self, zeros, dtype):
        return self.net.value_and_jacobian(self.x)

    def time_one_point(self, zeros, dtype):
        return self.net.value_and_jacobian(self.x[0])

    def reference_value_and_jacobian(self, zeros, dtype):
        return value_and_jacobian(self.layers, self.x)

    def reference_one_point(self, zeros, dtype):
        return tuple(part[0] for part in self.reference_value_and_jacobian(zeros, dtype))


class Subnormal:
    """A quarter of the weights is subnormal, or small but normal."""

    params = (["subnormal", "normal"], ["float64", "float32"], ["packed", "blas"])
    param_names = ("small_weights", "dtype", "engine")

    def setup(self, small_weights, dtype, engine):
        tiny = np.finfo(dtype).tiny
        size = tiny if small_weights == "subnormal" else np.sqrt(tiny)
        random = np.random.default_rng(5)
        self.layers = random_layers((64, 256, 256, 64), dtype, "tanh")
        for W, _, _ in self.layers:
            small = random.random(W.shape) < 0.25
            W[small] = (random.uniform(0.1, 0.9, W.shape) * size)[small]
        self.net = fj.Network(self.layers, engine=engine)
        self.x = make_points(64, dtype)

    def time_value_and_jacobian(self, small_weights, dtype, engine):
        return self.net.value_and_jacobian(self.x)

    def reference_value_and_jacobian(self, small_weights, dtype, engine):
        return value_and_jacobian(self.layers, self.x)
