"""Batches: the cost of many points at once, into memory that the caller owns."""

from functools import lru_cache
from types import SimpleNamespace

import numpy as np

from .networks import make_direction, make_layers, make_network, make_points, value_and_jacobian

N_POINTS = {"tiny": 10_000, "small": 10_000, "acas": 10_000, "med": 100, "wide": 50, "cosmo": 50}


@lru_cache(maxsize=1)
def prepared(network, dtype):
    net, n_points = make_network(network, dtype), N_POINTS[network]
    return SimpleNamespace(
        net=net,
        x=make_points(network, n_points, dtype),
        v=make_direction((n_points, net.n_in), dtype),
        w=make_direction((n_points, net.n_out), dtype),
        y=np.zeros((n_points, net.n_out), dtype),
        g=np.zeros((n_points, net.n_in), dtype),
        J=np.zeros((n_points, net.n_out, net.n_in), dtype),
    )


class Batch:
    params = (list(N_POINTS), ["float64", "float32"], [1, 2])
    param_names = ("network", "dtype", "workers")

    def time_value(self, network, dtype, workers):
        at = prepared(network, dtype)
        return at.net(at.x, out=at.y, workers=workers)

    def time_jacobian(self, network, dtype, workers):
        at = prepared(network, dtype)
        return at.net.jacobian(at.x, out=at.J, workers=workers)

    def time_value_and_jacobian(self, network, dtype, workers):
        at = prepared(network, dtype)
        return at.net.value_and_jacobian(at.x, out=(at.y, at.J), workers=workers)

    def time_jvp(self, network, dtype, workers):
        at = prepared(network, dtype)
        return at.net.jvp(at.x, at.v, out=at.y, workers=workers)

    def time_vjp(self, network, dtype, workers):
        at = prepared(network, dtype)
        return at.net.vjp(at.x, at.w, out=at.g, workers=workers)

    def reference_value(self, network, dtype, workers):
        return self.reference_value_and_jacobian(network, dtype, workers)[0]

    def reference_jacobian(self, network, dtype, workers):
        return self.reference_value_and_jacobian(network, dtype, workers)[1]

    def reference_value_and_jacobian(self, network, dtype, workers):
        return value_and_jacobian(make_layers(network, dtype), prepared(network, dtype).x)

    def reference_jvp(self, network, dtype, workers):
        J = self.reference_jacobian(network, dtype, workers)
        return (J @ prepared(network, dtype).v.astype(np.float64)[:, :, None])[:, :, 0]

    def reference_vjp(self, network, dtype, workers):
        J = self.reference_jacobian(network, dtype, workers)
        return (prepared(network, dtype).w.astype(np.float64)[:, None, :] @ J)[:, 0, :]
