"""A pole on a cart: the equations of motion that the network of this example learns, and that play the real system.

A cart of M = 1 kg runs on a rail without friction, driven by a force; on it hangs, or stands, a point mass m = 0.3 kg
on a massless rod of l = 0.5 m. The state is (position, angle, velocity, angular velocity) in m, rad, m/s, rad/s; the
angle is 0 where the pole stands, pi where it hangs, and the mass is l sin(angle) ahead of the cart. The force is held
over a sample of 50 ms.
"""

import numpy as np

GRAVITY = 9.80665  # m/s^2
CART, MASS, LENGTH = 1.0, 0.3, 0.5  # kg, kg, m
SAMPLE_TIME = 0.05  # s


def slope(state, force):
    """d state / dt; the state is (4, ...)."""
    _, angle, velocity, rate = state
    s, c = np.sin(angle), np.cos(angle)
    acceleration = (force + MASS * s * (LENGTH * rate**2 - GRAVITY * c)) / (CART + MASS * s**2)
    return np.stack([velocity, rate, acceleration, (GRAVITY * s - acceleration * c) / LENGTH])


def next_state(state, force, n_steps=10):
    """The state (..., 4) one sample later, by n_steps of the classical Runge-Kutta method."""
    state = np.moveaxis(np.asarray(state), -1, 0)
    dt = SAMPLE_TIME / n_steps
    for _ in range(n_steps):
        k1 = slope(state, force)
        k2 = slope(state + dt / 2 * k1, force)
        k3 = slope(state + dt / 2 * k2, force)
        k4 = slope(state + dt * k3, force)
        state = state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.moveaxis(state, 0, -1)
