"""One point: the cost inside a loop that calls the network point by point."""

import numpy as np

from .networks import make_direction, make_layers, make_network, make_points, value_and_jacobian


class Point:
    params = (["tiny", "small", "acas", "med", "wide", "cosmo"], ["float64", "float32"])
    param_names = ("network", "dtype")

    def setup(self, network, dtype):
        self.net = make_network(network, dtype)
        self.x = make_points(network, 1, dtype)[0]
        self.v = make_direction(self.net.n_in, dtype)
        self.w = make_direction(self.net.n_out, dtype)
        self.out = np.zeros(self.net.n_out, dtype), np.zeros((self.net.n_out, self.net.n_in), dtype)

    def time_value(self, network, dtype):
        return self.net(self.x)

    def time_jacobian(self, network, dtype):
        return self.net.jacobian(self.x)

    def time_value_and_jacobian(self, network, dtype):
        return self.net.value_and_jacobian(self.x)

    def time_value_and_jacobian_into_out(self, network, dtype):
        return self.net.value_and_jacobian(self.x, out=self.out)

    def time_jvp(self, network, dtype):
        return self.net.jvp(self.x, self.v)

    def time_vjp(self, network, dtype):
        return self.net.vjp(self.x, self.w)

    def reference_value(self, network, dtype):
        return self.reference_value_and_jacobian(network, dtype)[0]

    def reference_jacobian(self, network, dtype):
        return self.reference_value_and_jacobian(network, dtype)[1]

    def reference_value_and_jacobian(self, network, dtype):
        y, J = value_and_jacobian(make_layers(network, dtype), self.x[None])
        return y[0], J[0]

    reference_value_and_jacobian_into_out = reference_value_and_jacobian

    def reference_jvp(self, network, dtype):
        return self.reference_jacobian(network, dtype) @ self.v.astype(np.float64)

    def reference_vjp(self, network, dtype):
        return self.w.astype(np.float64) @ self.reference_jacobian(network, dtype)
