"""How the networks of the examples are trained: Levenberg-Marquardt on points of a scrambled Sobol sequence.

A few hundred to two thousand parameters, a few thousand points, NumPy and SciPy: seconds to minutes. Hidden
layers are tanh, the last one is linear.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import qmc

import fastjac as fj
from fastjac.formats.npz import save_npz


class Box:
    """The points between `low` and `high`, one number per coordinate."""

    def __init__(self, low, high):
        low, high = np.asarray(low, float), np.asarray(high, float)
        self.centre, self.half = (high + low) / 2, (high - low) / 2

    def sample(self, n_points, seed):
        """Points spread evenly over the box, (n_points, n); n_points should be a power of 2."""
        return self.centre + self.half * (2 * qmc.Sobol(len(self.half), seed=seed).random(n_points) - 1)

    def scaled(self, x):
        """x with the box taken to [-1, 1]."""
        return (x - self.centre) / self.half


def unpack(p, widths):
    """The weights [(W_1, b_1), ...] in a flat vector p, as views."""
    weights, start = [], 0
    for n, m in pairwise(widths):
        W = p[start : start + n * m].reshape(n, m)
        weights.append((W, p[start + n * m : start + n * m + m]))
        start += n * m + m
    return weights


def value_and_gradient(p, x, widths):
    """y (n_points, n_out) and dy/dp (n_points, n_out, n_params), by back-propagation from each output."""
    weights = unpack(p, widths)
    n_out = widths[-1]
    a = [x]
    for W, b in weights[:-1]:
        a.append(np.tanh(a[-1] @ W + b))
    W, b = weights[-1]
    y = a[-1] @ W + b
    delta = np.broadcast_to(np.eye(n_out), (len(x), n_out, n_out))  # dy/dh_k
    pieces = []
    for k in range(len(weights) - 1, -1, -1):
        outer = a[k][:, None, :, None] * delta[:, :, None, :]
        pieces = [outer.reshape(len(x), n_out, -1), delta, *pieces]
        if k:
            delta = (delta @ weights[k][0].T) * (1 - a[k] ** 2)[:, None, :]
    return y, np.concatenate(pieces, axis=2)


def initial(widths, seed):
    """Random parameters whose pre-activations are of the size of the inputs; the biases are zero."""
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [np.concatenate([rng.normal(0, n**-0.5, n * m), np.zeros(m)]) for n, m in pairwise(widths)]
    )


def fit(x, target, p, widths, n_iterations, report=print):
    """Parameters that take x to target in least squares, from p by the method of Levenberg and Marquardt."""
    damping = 1e-2
    y, gradient = value_and_gradient(p, x, widths)
    for iteration in range(n_iterations):
        error = (y - target).ravel()
        G = gradient.reshape(error.size, p.size)
        normal, slope = G.T @ G, G.T @ error
        while True:
            regularised = normal + damping * np.diag(np.diag(normal) + 1e-8)
            step = cho_solve(cho_factor(regularised), -slope)
            y, gradient = value_and_gradient(p + step, x, widths)
            if np.linalg.norm(y - target) < np.linalg.norm(error):
                p, damping = p + step, max(damping / 3, 1e-9)
                break
            damping *= 4
            if damping > 1e8:
                return p
        if iteration % 10 == 0:
            report(f"iteration {iteration:4d}: relative RMS error {np.sqrt(np.mean((y - target) ** 2)):.2e}")
    return p


def layers(p, widths, box, mean, scale):
    """The layers of a network in physical units: the scalings are folded into the outer layers.

    mean + scale * (what p makes of box.scaled(x)); a matrix `scale` (n_out, n) mixes the outputs.
    """
    weights = [(W.copy(), b.copy()) for W, b in unpack(p, widths)]
    W, b = weights[0]
    W /= box.half[:, None]
    b -= box.centre @ W
    W, b = weights[-1]
    weights[-1] = (W @ scale, b @ scale + mean) if np.ndim(scale) == 2 else (W * scale, b * scale + mean)
    activations = ["tanh"] * (len(weights) - 1) + ["identity"]
    return [fj.Layer(W, b, f) for (W, b), f in zip(weights, activations)]


def with_identity(hidden, last, box, n_state, step, epsilon=1e-4):
    """The layers of x -> x[:n_state] + step * f(x), for the layers of f: a residual network as a plain chain.

    Each hidden layer gets one unit more per state, which carries epsilon times the scaled state through tanh:
    tanh(epsilon z) / epsilon = z up to (epsilon z)^2 z / 3, below 1e-8 inside the box.
    """
    W, b = hidden[0].W, hidden[0].b
    carry = np.eye(W.shape[0], n_state) * (epsilon / box.half[:n_state])
    widened = [(np.hstack([W, carry]), np.append(b, -box.centre @ carry))]
    for layer in hidden[1:]:
        n, m = layer.W.shape
        W = np.zeros((n + n_state, m + n_state))
        W[:n, :m], W[n:, m:] = layer.W, np.eye(n_state)
        widened.append((W, np.append(layer.b, np.zeros(n_state))))
    unscale = np.diag(box.half[:n_state] / epsilon)
    final = fj.Layer(np.vstack([step * last.W, unscale]), step * last.b + box.centre[:n_state])
    return [*(fj.Layer(W, b, "tanh") for W, b in widened), final]


def train_and_write(doc, path, train, accuracy, **notes):
    """Train a network and write it to `path` or to the archive that the command line names, with notes.

    `doc` is the docstring of the script; accuracy(net) is printed and is a note, too.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=path, help="archive to write (%(default)s)")
    arguments = parser.parse_args()
    net = train()
    found = accuracy(net)
    print(found)
    source = f"trained by examples/{path.parent.name}/train.py"
    save_npz(net, arguments.output, accuracy=found, source=source, **notes)
    print(f"written to {arguments.output}")
