"""Batches: the cost of many points at once, into memory that the caller owns."""

import numpy as np

from .networks import make_layers, make_network, make_points, value_and_jacobian

N_POINTS = {"tiny": 10_000, "small": 10_000, "acas": 10_000, "med": 100}


class Batch:
    params = (["tiny", "small", "acas", "med"], ["float64", "float32"], [1, 2])
    param_names = ("network", "dtype", "workers")

    def setup(self, network, dtype, workers):
        self.net = make_network(network, dtype)
        self.x = make_points(network, N_POINTS[network], dtype)
        self.y = np.zeros((len(self.x), self.net.n_out), dtype)
        self.J = np.zeros((len(self.x), self.net.n_out, self.net.n_in), dtype)

    def time_value(self, network, dtype, workers):
        return self.net(self.x, out=self.y, workers=workers)

    def time_jacobian(self, network, dtype, workers):
        return self.net.jacobian(self.x, out=self.J, workers=workers)

    def time_value_and_jacobian(self, network, dtype, workers):
        return self.net.value_and_jacobian(self.x, out=(self.y, self.J), workers=workers)

    def reference_value(self, network, dtype, workers):
        return self.reference_value_and_jacobian(network, dtype, workers)[0]

    def reference_jacobian(self, network, dtype, workers):
        return self.reference_value_and_jacobian(network, dtype, workers)[1]

    def reference_value_and_jacobian(self, network, dtype, workers):
        return value_and_jacobian(make_layers(network, dtype), self.x)
