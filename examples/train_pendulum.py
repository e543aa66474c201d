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

Training: `training.py`; seeds are fixed.
"""

import argparse
from pathlib import Path

import numpy as np
from training import Box, fit, initial, layers

import fastjac as fj
from fastjac.formats.npz import save_npz

GRAVITY = 9.80665  # m/s^2
MASS = 1.0  # kg
LENGTH = 0.5  # m
DAMPING = 0.1  # N m s/rad
SAMPLE_TIME = 0.05  # s
DOMAIN = np.array([np.pi, 8.0, 3.0])  # largest magnitude of angle (rad), velocity (rad/s), torque (N m)
BOX = Box(-DOMAIN, DOMAIN)
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


def train(n_points=4096, n_iterations=300, report=print):
    """The trained network, (angle, velocity, torque) -> (angle, velocity) in physical units."""
    x = BOX.sample(n_points, seed=1)
    target = next_state(x)
    mean, scale = target.mean(axis=0), target.std(axis=0)
    p = initial(WIDTHS, seed=2)
    p = fit(BOX.scaled(x), (target - mean) / scale, p, WIDTHS, n_iterations, report)
    return fj.Network(layers(p, WIDTHS, BOX, mean, scale))


def errors(net, n_points=4096):
    """RMS error at new points, entry by entry: of y relative to its spread, of J relative to its RMS."""
    x = BOX.sample(n_points, seed=3)
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
    net = train(n_iterations=arguments.iterations)
    error_y, error_J = errors(net)
    print("relative RMS error at new points, value:   ", " ".join(f"{e:.1e}" for e in error_y))
    print("relative RMS error at new points, Jacobian:", " ".join(f"{e:.1e}" for e in error_J.ravel()))
    worst = f"value {error_y.max():.0e}, Jacobian {error_J.max():.0e}"
    save_npz(net, arguments.output, **NOTES, accuracy=f"relative RMS error of the worst entry: {worst}")
    print(f"written to {arguments.output}")


if __name__ == "__main__":
    main()
