"""`python -m fastjac`: the bundled network at one point, its Jacobian checked and shown."""

import sys
import time

import numpy as np

import fastjac as fj
from fastjac._cli.networks import bundled
from fastjac.kernels.dispatch import simd_level

POINT = np.array([0.6, -1.5, 0.8])  # angle (rad), velocity (rad/s), torque (N m)
N_BATCH = 10_000
COMPLEX_FUNCTIONS = {"tanh": np.tanh, "identity": lambda h: h}


def demo():
    net, notes = bundled()
    y, J = net.value_and_jacobian(POINT)
    error, bound = check(net, POINT, J)
    passed = bool(np.all(error <= bound))  # False for NaN
    print(f"fastjac {fj.__version__}: exact Jacobians of neural networks\n")
    print(notes["description"])
    widths = "-".join(map(str, net.widths))
    print(f"  {widths} {net.layers[0].activation}, {net.dtype}; domain {notes['domain']}")
    print(f"  {notes['physics']}\n  {notes['accuracy']}")
    names_in, names_out = list(zip(net.names_in, net.units_in)), list(zip(net.names_out, net.units_out))
    print(heading("point x"))
    print(column(names_in, POINT))
    print(heading("value y = F(x)"))
    print(column(names_out, y))
    print(heading("Jacobian J[i, j] = dy_i/dx_j, the state-space matrices [A | B] at x"))
    print(table(names_out, names_in, J))
    print(heading("check against a complex step through the layers, in NumPy"))
    i, j = np.unravel_index(np.argmax(np.nan_to_num(error / bound, nan=np.inf)), J.shape)
    print(
        f"  largest error {error[i, j]:.1e} in d({names_out[i][0]})/d({names_in[j][0]}), "
        f"bound {bound[i, j]:.1e}: {verdict(passed)}"
    )
    print(heading(f"plan, and time in microseconds per point (median), SIMD {simd_level()}"))
    print("\n".join(f"  {line}" for line in str(net.plan()).splitlines()))
    print(timings(net))
    return 0 if passed else 1


def check(net, x, J):
    """Error of J and its bound, entry by entry, by a route that shares no formula with the library.

    The complex step: the imaginary part of F(x + i h e_j) / h is dF/dx_j, without a difference and
    so without cancellation, for h so small that h^2 is nothing. The bound is that of the rounding
    errors: 16 u |D_L| |W_L|^T ... |D_1| |W_1|^T for each of the two routes, u = 2^-53.
    """
    step = 1e-200
    a = x + 1j * step * np.eye(x.size)
    G = np.eye(x.size)
    for layer in net.layers:
        before = a @ layer.W + (0 if layer.b is None else layer.b)
        a = COMPLEX_FUNCTIONS[layer.activation](before)
        # f' of the real parts, from the direction in which h moves most.
        move = np.argmax(np.abs(before.imag), axis=0), np.arange(layer.n_out)
        G = (G @ np.abs(layer.W)) * np.abs(a.imag[move] / before.imag[move])
    return np.abs(J - a.imag.T / step), 32 * 2**-53 * G.T


def timings(net):
    batch = POINT * np.random.default_rng(0).uniform(-1, 1, (N_BATCH, POINT.size))
    y, J = net.value_and_jacobian(batch)
    one = median_seconds(lambda: net.value_and_jacobian(POINT), n_calls=100)
    many = median_seconds(lambda: net.value_and_jacobian(batch, out=(y, J)), n_calls=1) / N_BATCH
    return (
        f"  value and Jacobian, one point            {1e6 * one:8.2f}\n"
        f"  value and Jacobian, a batch of {N_BATCH:<9} {1e6 * many:8.2f}"
    )


def median_seconds(call, n_calls, n_rounds=25):
    """Median over rounds of the mean time of a call."""
    seconds = []
    for _ in range(n_rounds):
        start = time.perf_counter()
        for _ in range(n_calls):
            call()
        seconds.append((time.perf_counter() - start) / n_calls)
    return float(np.median(seconds))


def column(names, values):
    width = max(len(name) for name, _ in names)
    return "\n".join(f"  {name:<{width}}  {x:>12.6g} {unit}" for (name, unit), x in zip(names, values))


def table(rows, columns, J):
    """J with a row of input names above and a column of output names before it."""
    cells = [["", *(f"{name} [{unit}]" for name, unit in columns)]]
    cells += [[f"{name} [{unit}]", *(f"{entry:.8f}" for entry in row)] for (name, unit), row in zip(rows, J)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in cells]
    return "\n".join(f"  {line}" for line in lines)


def heading(text):
    return f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}"


def verdict(passed):
    word = "passed" if passed else "FAILED"
    return f"\033[{32 if passed else 31}m{word}\033[0m" if sys.stdout.isatty() else word
