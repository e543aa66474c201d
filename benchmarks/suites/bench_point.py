"""One point: the cost inside a loop that calls the network point by point."""

from functools import lru_cache
from types import SimpleNamespace

import numpy as np

from .networks import make_direction, make_layers, make_network, make_points, value_and_jacobian


@lru_cache(maxsize=1)
def prepared(network, dtype):
    net = make_network(network, dtype)
    return SimpleNamespace(
        net=net,
        x=make_points(network, 1, dtype)[0],
        v=make_direction(net.n_in, dtype),
        w=make_direction(net.n_out, dtype),
        out=(np.zeros(net.n_out, dtype), np.zeros((net.n_out, net.n_in), dtype)),
    )


class Point:
    params = (["tiny", "small", "acas", "med", "wide", "cosmo"], ["float64", "float32"])
    param_names = ("network", "dtype")

    def time_value(self, network, dtype):
        at = prepared(network, dtype)
        return at.net(at.x)

    def time_jacobian(self, network, dtype):
        at = prepared(network, dtype)
        return at.net.jacobian(at.x)

    def time_value_and_jacobian(self, network, dtype):
        at = prepared(network, dtype)
        return at.net.value_and_jacobian(at.x)

    def time_value_and_jacobian_into_out(self, network, dtype):
        at = prepared(network, dtype)
        return at.net.value_and_jacobian(at.x, out=at.out)

    def time_jvp(self, network, dtype):
        at = prepared(network, dtype)
        return at.net.jvp(at.x, at.v)

    def time_vjp(self, network, dtype):
        at = prepared(network, dtype)
        return at.net.vjp(at.x, at.w)

    def reference_value(self, network, dtype):
        return self.reference_value_and_jacobian(network, dtype)[0]

    def reference_jacobian(self, network, dtype):
        return self.reference_value_and_jacobian(network, dtype)[1]

    def reference_value_and_jacobian(self, network, dtype):
        y, J = value_and_jacobian(make_layers(network, dtype), prepared(network, dtype).x[None])
        return y[0], J[0]

    reference_value_and_jacobian_into_out = reference_value_and_jacobian

    def reference_jvp(self, network, dtype):
        return self.reference_jacobian(network, dtype) @ prepared(network, dtype).v.astype(np.float64)

    def reference_vjp(self, network, dtype):
        return prepared(network, dtype).w.astype(np.float64) @ self.reference_jacobian(network, dtype)
