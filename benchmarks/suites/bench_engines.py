"""The engines beside each other, for one point and for a batch into memory of the caller."""

from functools import lru_cache

import numpy as np

from .networks import make_layers, make_network, make_points, value_and_jacobian


@lru_cache(maxsize=1)
def prepared(engine, network, n_points):
    """The network, x, and memory for the results."""
    net = make_network(network, "float64", engine=engine)
    out = np.zeros((n_points, net.n_out)), np.zeros((n_points, net.n_out, net.n_in))
    return net, make_points(network, n_points, "float64"), out


class Engine:
    params = (["packed", "blas"], ["small", "acas", "med"], [1, 100])
    param_names = ("engine", "network", "n_points")

    def time_value_and_jacobian(self, engine, network, n_points):
        net, x, out = prepared(engine, network, n_points)
        return net.value_and_jacobian(x, out=out)

    def reference_value_and_jacobian(self, engine, network, n_points):
        x = prepared(engine, network, n_points)[1]
        return value_and_jacobian(make_layers(network, "float64"), x)
