"""The engines beside each other, for one point and for a batch into memory of the caller."""

import numpy as np

from .networks import make_layers, make_network, make_points, value_and_jacobian


class Engine:
    params = (["packed", "blas"], ["small", "acas", "med"], [1, 100])
    param_names = ("engine", "network", "n_points")

    def setup(self, engine, network, n_points):
        self.net = make_network(network, "float64", engine=engine)
        self.x = make_points(network, n_points, "float64")
        self.out = np.zeros((n_points, self.net.n_out)), np.zeros((n_points, self.net.n_out, self.net.n_in))

    def time_value_and_jacobian(self, engine, network, n_points):
        return self.net.value_and_jacobian(self.x, out=self.out)

    def reference_value_and_jacobian(self, engine, network, n_points):
        return value_and_jacobian(make_layers(network, "float64"), self.x)
