"""The order of the chain: an autoencoder with a bottleneck, in the planned order and in both sweeps."""

from functools import lru_cache

from .networks import make_layers, make_network, make_points, value_and_jacobian

# The bottleneck lies after layer 2: the plan sweeps both halves from there and multiplies them.
SWEEP = 784 * (256 * 64 + 64 * 256 + 256 * 784)
MULTIPLY_ADDS = {"auto": 2 * 64 * 256 * 784 + 784 * 64 * 784, "forward": SWEEP, "reverse": SWEEP}


@lru_cache(maxsize=1)
def prepared(order, dtype):
    """The network and a point."""
    return make_network("autoencoder", dtype, order=order), make_points("autoencoder", 1, dtype)[0]


class Order:
    params = (["auto", "forward", "reverse"], ["float64", "float32"])
    param_names = ("order", "dtype")

    def time_jacobian(self, order, dtype):
        net, x = prepared(order, dtype)
        return net.jacobian(x)

    def track_multiply_adds(self, order, dtype):
        return prepared(order, dtype)[0].plan().multiply_adds

    track_multiply_adds.unit = "multiply-adds"

    def reference_jacobian(self, order, dtype):
        return value_and_jacobian(make_layers("autoencoder", dtype), prepared(order, dtype)[1][None])[1][0]

    def reference_multiply_adds(self, order, dtype):
        return MULTIPLY_ADDS[order]
