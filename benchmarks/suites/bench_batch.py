"""Batches: the cost of many points at once, into memory that the caller owns."""

import numpy as np

from .networks import make_direction, make_layers, make_network, make_points, value_and_jacobian

N_POINTS = {"tiny": 10_000, "small": 10_000, "acas": 10_000, "med": 100, "wide": 50, "cosmo": 50}


class Batch:
    params = (list(N_POINTS), ["float64", "float32"], [1, 2])
    param_names = ("network", "dtype", "workers")

    def setup(self, network, dtype, workers):
        self.net = make_network(network, dtype)
        self.x = make_points(network, N_POINTS[network], dtype)
        self.y = np.zeros((len(self.x), self.net.n_out), dtype)
        self.v = make_direction((len(self.x), self.net.n_in), dtype)
        self.w = make_direction((len(self.x), self.net.n_out), dtype)
        self.g = np.zeros_like(self.x)
        self.J = np.zeros((len(self.x), self.net.n_out, self.net.n_in), dtype)

    def time_value(self, network, dtype, workers):
        return self.net(self.x, out=self.y, workers=workers)

    def time_jacobian(self, network, dtype, workers):
        return self.net.jacobian(self.x, out=self.J, workers=workers)

    def time_value_and_jacobian(self, network, dtype, workers):
        return self.net.value_and_jacobian(self.x, out=(self.y, self.J), workers=workers)

    def time_jvp(self, network, dtype, workers):
        return self.net.jvp(self.x, self.v, out=self.y, workers=workers)

    def time_vjp(self, network, dtype, workers):
        return self.net.vjp(self.x, self.w, out=self.g, workers=workers)

    def reference_value(self, network, dtype, workers):
        return self.reference_value_and_jacobian(network, dtype, workers)[0]

    def reference_jacobian(self, network, dtype, workers):
        return self.reference_value_and_jacobian(network, dtype, workers)[1]

    def reference_value_and_jacobian(self, network, dtype, workers):
        return value_and_jacobian(make_layers(network, dtype), self.x)

    def reference_jvp(self, network, dtype, workers):
        J = self.reference_jacobian(network, dtype, workers)
        return (J @ self.v.astype(np.float64)[:, :, None])[:, :, 0]

    def reference_vjp(self, network, dtype, workers):
        J = self.reference_jacobian(network, dtype, workers)
        return (self.w.astype(np.float64)[:, None, :] @ J)[:, 0, :]
