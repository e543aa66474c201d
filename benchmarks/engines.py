"""The engines beside each other, in one run: what `engine="auto"` rests on.

    python benchmarks/engines.py

Prints, for each network and dtype, microseconds for one point and for a point of a batch (value and
Jacobian, medians of alternating rounds, results written into memory of the caller), and how many times
faster `packed` is.
"""

import statistics
import time
from functools import partial

import numpy as np

import fastjac as fj

NETWORKS = [  # widths, activation, points of a batch
    ((4, 32, 32, 2), "tanh", 2000),
    ((8, 64, 64, 8), "tanh", 1000),
    ((5, 50, 50, 50, 50, 50, 50, 5), "relu", 1000),
    ((64, 256, 256, 64), "tanh", 50),
    ((6, 512, 512, 512, 512, 420), "tanh", 20),
    ((784, 256, 64, 256, 784), "relu", 5),
    ((2, 1024, 1024, 1), "tanh", 50),
    ((64, 2048, 2048, 64), "tanh", 2),
    ((1, 1), "tanh", 5000),
    ((100, 100), "tanh", 500),
    ((1000, 1000, 1000), "relu", 2),
]
ROUNDS = 9


def make_layers(widths, activation, dtype):
    random = np.random.default_rng(sum(widths))
    last = len(widths) - 2
    layers = []
    for k, shape in enumerate(zip(widths, widths[1:], strict=False)):
        W = (random.standard_normal(shape) / np.sqrt(shape[0])).astype(dtype)
        layers.append((W, None, "identity" if k == last else activation))
    return layers


def seconds(call):
    """Seconds of one call, over as many as take 5 ms."""
    n_calls, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < 5e-3 or not n_calls:
        call()
        n_calls += 1
    return elapsed / n_calls


def compare(nets, x, out=None):
    """Median microseconds per point of each network; they take turns."""
    calls = [partial(net.value_and_jacobian, x, out=out) for net in nets]
    rounds = [[seconds(call) for call in calls] for _ in range(ROUNDS)]
    return [1e6 * statistics.median(column) / (x.size // nets[0].n_in) for column in zip(*rounds, strict=True)]


def main():
    print(f"SIMD {fj.show_config('dict')['simd']}, microseconds per point, value and Jacobian")
    print(f"{'network':<26} {'dtype':<8} | {'one: packed':>11} {'blas':>10} {'ratio':>6} "
          f"| {'batch: packed':>13} {'blas':>10} {'ratio':>6}")
    for widths, activation, n_points in NETWORKS:
        name = "-".join(map(str, widths))
        name = name if len(name) <= 26 else f"{name[:23]}..."
        for dtype in (np.float64, np.float32):
            layers = make_layers(widths, activation, dtype)
            nets = [fj.Network(layers, engine=engine) for engine in ("packed", "blas")]
            x = np.random.default_rng(0).standard_normal((n_points, widths[0])).astype(dtype)
            one, batch = compare(nets, x[0]), compare(nets, x, out=nets[0].value_and_jacobian(x))
            print(f"{name:<26} {np.dtype(dtype).name:<8} | {one[0]:>11.2f} {one[1]:>10.2f} {one[1] / one[0]:>6.2f} "
                  f"| {batch[0]:>13.3f} {batch[1]:>10.3f} {batch[1] / batch[0]:>6.2f}")


if __name__ == "__main__":
    main()
