"""A car that slips: the motion that the network learns, and the manoeuvre that the filter follows.

The single-track model with tyres that saturate (Pacejka's formula): velocity forwards and sideways and yaw rate,
driven by the steering angle and the force of the engine. A thousand samples a second; steering and force are held
between them.
"""

import numpy as np

MASS, INERTIA = 1500.0, 2500.0  # kg, kg m^2
FRONT, REAR = 1.2, 1.5  # m, from the centre of mass to the axles
GRIP, SHAPE = 0.9, 1.4  # of the tyres
FRONT_STIFFNESS, REAR_STIFFNESS = 9.0, 13.0
DRAG = 0.4  # N s^2/m^2
SAMPLE_TIME = 1e-3  # s

STATES = ("velocity forwards", "velocity sideways", "yaw rate")
UNITS = ("m/s", "m/s", "rad/s")
START = np.array([22.0, 0.0, 0.0])
# Standard deviation of what disturbs the states within a second, and of one measurement of state 0 and 2.
DISTURBANCE = np.array([0.2, 0.2, 0.05])
MEASURED, NOISE = (0, 2), (0.1, 0.01)  # wheel speed in m/s, gyroscope in rad/s


def acceleration(state, controls):
    """Rate of change of (vx, vy, r), the last axis; real or complex."""
    vx, vy, r = np.moveaxis(state, -1, 0)
    steering, force = np.moveaxis(controls, -1, 0)
    load = MASS * 9.80665 / (FRONT + REAR)
    front = GRIP * load * REAR * tyre(FRONT_STIFFNESS, steering - np.arctan((vy + FRONT * r) / vx))
    rear = GRIP * load * FRONT * tyre(REAR_STIFFNESS, -np.arctan((vy - REAR * r) / vx))
    along = (force - front * np.sin(steering) - DRAG * vx**2) / MASS + vy * r
    across = (front * np.cos(steering) + rear) / MASS - vx * r
    return np.stack([along, across, (FRONT * front * np.cos(steering) - REAR * rear) / INERTIA], axis=-1)


def tyre(stiffness, slip):
    """Share of the grip that a tyre uses at a slip angle."""
    return np.sin(SHAPE * np.arctan(stiffness * slip))


def next_state(x):
    """State one sample later for x = (state, controls) of shape (..., 5), by the classical Runge-Kutta method."""
    state, controls, dt = x[..., :3], x[..., 3:], SAMPLE_TIME
    k1 = acceleration(state, controls)
    k2 = acceleration(state + dt / 2 * k1, controls)
    k3 = acceleration(state + dt / 2 * k2, controls)
    k4 = acceleration(state + dt * k3, controls)
    return state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def next_state_jacobian(x):
    """Derivative of `next_state` by the state, by the complex step."""
    h = 1e-200
    return next_state(x + 1j * h * np.eye(5)[:3]).imag.T / h


def controls(t):
    """Steering angle in rad and force in N at times t in s: a slalom that grows until the tyres slide."""
    steering = 0.075 * np.minimum(t / 6, 1) * np.sin(2 * np.pi * 0.45 * t)
    return np.stack([steering, 600 + 400 * np.sin(t)], axis=-1)


def drive(n_steps, n_runs, seed=0):
    """States (n_steps + 1, n_runs, 3) of disturbed drives, and measurements (n_steps, n_runs, 2) after each step."""
    rng = np.random.default_rng(seed)
    states = np.empty((n_steps + 1, n_runs, 3))
    states[0] = START
    held = controls(SAMPLE_TIME * np.arange(n_steps))
    for k in range(n_steps):
        x = np.concatenate([states[k], np.tile(held[k], (n_runs, 1))], axis=1)
        states[k + 1] = next_state(x) + DISTURBANCE * SAMPLE_TIME**0.5 * rng.standard_normal((n_runs, 3))
    measured = states[1:, :, MEASURED] + NOISE * rng.standard_normal((n_steps, n_runs, 2))
    return states, measured, held
