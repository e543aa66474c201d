"""Train the network that ships with fastjac: one sampling step of a driven, damped pendulum.

    python examples/train_pendulum.py            # writes fastjac/data/pendulum.npz

The pendulum: a mass m = 1 kg on a rod of l = 0.5 m, damping c = 0.1 N m s/rad, a motor at the pivot,

    d angle / dt    = velocity
    d velocity / dt = -(g / l) sin(angle) - c / (m l^2) velocity + torque / (m l^2),

angle in rad (0 hangs down), velocity in rad/s, torque in N m, g = 9.80665 m/s^2. A controller
samples it every 50 ms and holds the torque in between. The network maps (angle, velocity, torque)
to (angle, velocity) one sample later. Its Jacobian is what a control engineer linearises by hand:
J = [A | B] with next state = A state + B torque, about any operating point, for an extended Kalman
filter, an LQR or a model-predictive controller.

Domain: |angle| <= pi rad, |velocity| <= 8 rad/s, |torque| <= 3 N m.

Training is Levenberg-Marquardt on points of a scrambled Sobol sequence; seeds are fixed.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import qmc

import fastjac as fj
from fastjac.formats.npz import save_npz

GRAVITY = 9.80665  # m/s^2
MASS = 1.0  # kg
LENGTH = 0.5  # m
DAMPING = 0.1  # N m s/rad
SAMPLE_TIME = 0.05  # s
DOMAIN = np.array([np.pi, 8.0, 3.0])  # largest magnitude of angle (rad), velocity (rad/s), torque (N m)
WIDTHS = (3, 20, 20, 2)


def acceleration(angle, velocity, torque):
    """Angular acceleration in rad/s^2."""
    inertia = MASS * LENGTH**2
    return -GRAVITY / LENGTH * np.sin(angle) - DAMPING / inertia * velocity + torque / inertia


def next_state(x, n_steps=20):
    """State one sample later, shape (n_points, 2), by n_steps of the classical Runge-Kutta method."""
    angle, velocity, torque = x.T
    dt = SAMPLE_TIME / n_steps

    def slope(state):
        return np.stack([state[1], acceleration(*state, torque)])

    state = np.stack([angle, velocity])
    for _ in range(n_steps):
        k1 = slope(state)
        k2 = slope(state + dt / 2 * k1)
        k3 = slope(state + dt / 2 * k2)
        k4 = slope(state + dt * k3)
        state = state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return state.T


def sample(n_points, seed):
    """Points spread evenly over the domain."""
    return (2 * qmc.Sobol(3, seed=seed).random(n_points) - 1) * DOMAIN


def unpack(p):
    """The weights [(W_1, b_1), ...] in a flat vector p, as views."""
    weights, start = [], 0
    for n, m in pairwise(WIDTHS):
        W = p[start : start + n * m].reshape(n, m)
        weights.append((W, p[start + n * m : start + n * m + m]))
        start += n * m + m
    return weights


def value_and_gradient(p, x):
    """y (n_points, 2) and dy/dp (n_points, 2, n_params), by back-propagation from each output."""
    weights = unpack(p)
    a = [x]
    for W, b in weights[:-1]:
        a.append(np.tanh(a[-1] @ W + b))
    W, b = weights[-1]
    y = a[-1] @ W + b
    delta = np.broadcast_to(np.eye(WIDTHS[-1]), (len(x), WIDTHS[-1], WIDTHS[-1]))  # dy/dh_k
    pieces = []
    for k in range(len(weights) - 1, -1, -1):
        outer = a[k][:, None, :, None] * delta[:, :, None, :]
        pieces = [outer.reshape(len(x), WIDTHS[-1], -1), delta, *pieces]
        if k:
            delta = (delta @ weights[k][0].T) * (1 - a[k] ** 2)[:, None, :]
    return y, np.concatenate(pieces, axis=2)


def train(n_points=4096, n_iterations=300, report=print):
    """Weights that take x / DOMAIN to (next state - mean) / scale, with that mean and scale."""
    x = sample(n_points, seed=1)
    target = next_state(x)
    mean, scale = target.mean(axis=0), target.std(axis=0)
    x, target = x / DOMAIN, (target - mean) / scale
    rng = np.random.default_rng(2)
    p = np.concatenate(
        [np.concatenate([rng.normal(0, n**-0.5, n * m), np.zeros(m)]) for n, m in pairwise(WIDTHS)]
    )
    damping = 1e-2
    y, gradient = value_and_gradient(p, x)
    for iteration in range(n_iterations):
        error = (y - target).ravel()
        G = gradient.reshape(error.size, p.size)
        normal, slope = G.T @ G, G.T @ error
        while True:
            regularised = normal + damping * np.diag(np.diag(normal) + 1e-8)
            step = cho_solve(cho_factor(regularised), -slope)
            y, gradient = value_and_gradient(p + step, x)
            if np.linalg.norm(y - target) < np.linalg.norm(error):
                p, damping = p + step, max(damping / 3, 1e-9)
                break
            damping *= 4
            if damping > 1e8:
                return p, mean, scale
        if iteration % 10 == 0:
            report(f"iteration {iteration:4d}: relative RMS error {np.sqrt(np.mean((y - target) ** 2)):.2e}")
    return p, mean, scale


def network(p, mean, scale):
    """The trained network in physical units: the scalings are folded into the outer layers."""
    weights = [(W.copy(), b.copy()) for W, b in unpack(p)]
    weights[0][0][:] /= DOMAIN[:, None]
    weights[-1][0][:] *= scale
    weights[-1][1][:] = weights[-1][1] * scale + mean
    activations = ["tanh"] * (len(weights) - 1) + ["identity"]
    return fj.Network([fj.Layer(W, b, f) for (W, b), f in zip(weights, activations)])


def errors(net, n_points=4096):
    """RMS error at new points, entry by entry: of y relative to its spread, of J relative to its RMS."""
    x = sample(n_points, seed=3)
    y = next_state(x)
    h = 1e-200
    J = np.stack([next_state(x + h * 1j * np.eye(3)[j]).imag / h for j in range(3)], axis=2)
    error_y = np.sqrt(np.mean((net(x) - y) ** 2, axis=0)) / y.std(axis=0)
    error_J = np.sqrt(np.mean((net.jacobian(x) - J) ** 2, axis=0)) / np.sqrt(np.mean(J**2, axis=0))
    return error_y, error_J


NOTES = {
    "description": f"Driven, damped pendulum, {SAMPLE_TIME * 1000:.0f} ms: state, torque -> next state",
    "domain": f"|angle| <= pi rad, |velocity| <= {DOMAIN[1]:g} rad/s, |torque| <= {DOMAIN[2]:g} N m",
    "physics": f"mass {MASS:g} kg, length {LENGTH:g} m, damping {DAMPING:g} N m s/rad, "
    f"gravity {GRAVITY:g} m/s^2, torque held over the step",
    "source": "trained by examples/train_pendulum.py",
    "names_in": ["angle", "velocity", "torque"],
    "units_in": ["rad", "rad/s", "N m"],
    "names_out": ["next angle", "next velocity"],
    "units_out": ["rad", "rad/s"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parent.parent / "fastjac" / "data" / "pendulum.npz"
    parser.add_argument("-o", "--output", type=Path, default=default, help="archive to write (%(default)s)")
    parser.add_argument("--iterations", type=int, default=300, help="of Levenberg-Marquardt (%(default)s)")
    arguments = parser.parse_args()
    net = network(*train(n_iterations=arguments.iterations))
    error_y, error_J = errors(net)
    print("relative RMS error at new points, value:   ", " ".join(f"{e:.1e}" for e in error_y))
    print("relative RMS error at new points, Jacobian:", " ".join(f"{e:.1e}" for e in error_J.ravel()))
    worst = f"value {error_y.max():.0e}, Jacobian {error_J.max():.0e}"
    save_npz(net, arguments.output, **NOTES, accuracy=f"relative RMS error of the worst entry: {worst}")
    print(f"written to {arguments.output}")


if __name__ == "__main__":
    main()
