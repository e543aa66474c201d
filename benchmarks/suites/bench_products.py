"""J P Jᵀ + Q and JᵀC⁻¹J beside the products of the formed J."""

from functools import lru_cache
from types import SimpleNamespace

import numpy as np

from .networks import make_direction, make_layers, make_network, make_points, value_and_jacobian

CASES = {
    "small": ("small", 1), "small, 1000 points": ("small", 1000), "cosmo": ("cosmo", 1),
    "cosmo, 20 points": ("cosmo", 20), "autoencoder": ("autoencoder", 1), "bottleneck": ("bottleneck", 1),
}


@lru_cache(maxsize=1)
def prepared(case, dtype):
    network, n_points = CASES[case]
    net = make_network(network, dtype)
    x = make_points(network, n_points, dtype)
    P, Q = (make_covariance(n, dtype) for n in (net.n_in, net.n_out))
    return SimpleNamespace(net=net, x=x[0] if n_points == 1 else x, P=P, Q=Q,
                           precision=np.linspace(0.5, 2, net.n_out).astype(dtype))


def make_covariance(n, dtype):
    A = make_direction((n, n), dtype)
    return A @ A.T / n


class Products:
    params = (list(CASES), ["float64", "float32"])
    param_names = ("case", "dtype")

    def time_propagate_covariance(self, *arguments):
        at = prepared(*arguments)
        return at.net.propagate_covariance(at.x, at.P, at.Q)

    def time_propagate_covariance_formed(self, *arguments):
        at = prepared(*arguments)
        J = at.net.jacobian(at.x)
        return J @ at.P @ J.mT + at.Q

    def time_fisher(self, *arguments):
        at = prepared(*arguments)
        return at.net.fisher(at.x, at.precision)

    def time_fisher_formed(self, *arguments):
        at = prepared(*arguments)
        J = at.net.jacobian(at.x)
        return (J.mT * at.precision) @ J

    def reference_propagate_covariance(self, *arguments):
        at, J = prepared(*arguments), reference_jacobian(*arguments)
        return J @ at.P @ J.mT + at.Q

    def reference_fisher(self, *arguments):
        at, J = prepared(*arguments), reference_jacobian(*arguments)
        return J.mT @ (at.precision[:, None] * J)

    reference_propagate_covariance_formed = reference_propagate_covariance
    reference_fisher_formed = reference_fisher


@lru_cache(maxsize=1)
def reference_jacobian(case, dtype):
    x = prepared(case, dtype).x
    J = value_and_jacobian(make_layers(CASES[case][0], dtype), np.atleast_2d(x))[1]
    return J.reshape(*x.shape[:-1], *J.shape[1:])
