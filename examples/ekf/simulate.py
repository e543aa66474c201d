"""An extended Kalman filter at 1 kHz whose motion model is a network: how far a car slips sideways.

    python examples/ekf/simulate.py                            # errors, consistency, time per step
    python examples/ekf/simulate.py --others                   # and PyTorch, JAX, CasADi, NumPy by hand
    python examples/ekf/simulate.py --picture ekf.svg          # the picture

A car drives a slalom until its tyres slide. Wheel speed and yaw rate are measured, the velocity sideways is not: the
filter infers it from how the car answers the steering. Every millisecond it predicts by the network and its
Jacobian with respect to the state, and takes two measurements in.
"""

import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import chi2
from vehicle import DISTURBANCE, MEASURED, NOISE, SAMPLE_TIME, START, drive, next_state, next_state_jacobian

import fastjac as fj

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import others
from command_line import main
from measuring import medians

Q = np.diag(DISTURBANCE**2 * SAMPLE_TIME)
START_P = np.diag([1.0, 0.3, 0.05]) ** 2


class Filter:
    """Estimate s (3,) with covariance P (3, 3), for a model of (state, controls) -> next state."""

    def __init__(self, model, s, P):
        self.part = model.select(wrt=slice(0, 3))  # the controls are known
        self.s, self.P = s, P

    def predict(self, controls):
        self.s, A = self.part.value_and_jacobian(np.concatenate([self.s, controls]))
        self.P = A @ self.P @ A.T + Q

    def update(self, measured):
        # One measurement after the other, as their noises are independent: nothing is inverted.
        for i, z, sigma in zip(MEASURED, measured, NOISE):
            column = self.P[:, i]
            gain = column / (column[i] + sigma**2)
            self.s = self.s + gain * (z - self.s[i])
            self.P = self.P - gain[:, None] * column


class Truth:
    """The physics in the place of the network, for comparison."""

    def select(self, wrt):
        return self

    def value_and_jacobian(self, x):
        return next_state(x), next_state_jacobian(x)


def track(model, measured, held, seed=1):
    """Estimates (n_steps, 3), covariances (n_steps, 3, 3), and the time of each step in s."""
    s = START + np.sqrt(np.diag(START_P)) * np.random.default_rng(seed).standard_normal(3)
    filter = Filter(model, s, START_P)
    estimates, covariances = np.empty((len(held), 3)), np.empty((len(held), 3, 3))
    times = np.empty(len(held))
    for k, (z, controls) in enumerate(zip(measured, held)):
        start = time.perf_counter()
        filter.predict(controls)
        filter.update(z)
        times[k] = time.perf_counter() - start
        estimates[k], covariances[k] = filter.s, filter.P
    return estimates, covariances, times


def consistency(error, covariances):
    """Normalised error squared, errorᵀ P⁻¹ error (n_steps,): 3 on average if the filter knows how wrong it is."""
    return np.einsum("ki,ki->k", error, np.linalg.solve(covariances, error[..., None])[..., 0])


def experiment(model, n_steps=10_000, n_runs=10):
    """RMS errors of the states (3,), and the normalised errors squared (n_runs, n_steps), over disturbed drives."""
    states, measured, held = drive(n_steps, n_runs)
    squared, errors = [], []
    for run in range(n_runs):
        estimates, covariances, _ = track(model, measured[:, run], held, seed=run)
        errors.append(estimates - states[1:, run])
        squared.append(consistency(errors[-1], covariances))
    settled = np.array(errors)[:, n_steps // 10 :]
    return np.sqrt(np.mean(settled**2, axis=(0, 1))), np.array(squared)


def step_times(models, n_steps=2000, n_rounds=5):
    """{name: times in s of single steps}, of the filter with each model in turns."""
    _, measured, held = drive(n_steps, 1)
    found = {name: [] for name in models}
    for _ in range(n_rounds):
        for name, model in models.items():
            found[name].append(track(model, measured[:, 0], held)[2][10:])
    return {name: np.concatenate(each) for name, each in found.items()}


def call_times(models, n_calls=200):
    """{name: median time in s of one call for the prediction and its Jacobian, the rest of the filter aside}."""
    x = np.append(START, [0.01, 500.0])
    parts = {name: model.select(wrt=slice(0, 3)) for name, model in models.items()}
    calls = {name: lambda p=p: [p.value_and_jacobian(x) for _ in range(n_calls)] for name, p in parts.items()}
    return {name: each / n_calls for name, each in medians(calls).items()}


def draw(net, path, n_steps=10_000):
    """The picture of this example."""
    import pictures

    states, measured, held = drive(n_steps, 1)
    estimates, covariances, _ = track(net, measured[:, 0], held)
    true, t = states[1:, 0], SAMPLE_TIME * np.arange(1, n_steps + 1)
    sigma = np.sqrt(covariances[:, 1, 1])
    error = estimates[:, 1] - true[:, 1]
    picture, ((slip, rate), (wrong, knows)) = pictures.figure(9.5, 5.4, 2, 2, sharex=True)

    every = slice(None, None, 25)
    slip.plot(t[every], true[every, 1], color=pictures.GREY, linewidth=3.5, label="truth")
    slip.plot(t[every], estimates[every, 1], color=pictures.BLUE, label="estimate")
    slip.set(title="Velocity sideways, not measured", ylabel="m/s")
    slip.legend(loc="upper left")

    rate.plot(t[every], measured[every, 0, 1], ".", color=pictures.ORANGE, markersize=3, label="gyroscope")
    rate.plot(t[every], estimates[every, 2], color=pictures.BLUE, label="estimate")
    rate.set(title="Yaw rate, measured", ylabel="rad/s")
    rate.legend(loc="upper left")

    wrong.fill_between(t[every], -2 * sigma[every], 2 * sigma[every], color=pictures.BLUE, alpha=0.2, linewidth=0)
    wrong.plot(t[every], error[every], color=pictures.RED, linewidth=1.1)
    wrong.set(title="Its error, and two standard deviations", ylabel="m/s", xlabel="time / s", ylim=(-0.35, 0.35))

    _, squared = experiment(net, n_steps)
    knows.plot(t[every], squared.mean(axis=0)[every], color=pictures.RED, linewidth=1.1)
    low, high = chi2.ppf([0.025, 0.975], 3 * len(squared)) / len(squared)
    knows.axhspan(low, high, color=pictures.BLUE, alpha=0.2, linewidth=0)
    knows.set(title=f"NEES, mean of {len(squared)} drives, and where 95 % should lie", xlabel="time / s")
    knows.set(xlim=(0, t[-1]), ylim=(0, 8))
    pictures.save(picture, path)


def report(net, with_others):
    print(f"{'RMS error':16}{'forwards':>12}{'sideways':>12}{'yaw rate':>12}{'mean NEES':>11}{'in 95 %':>9}")
    for name, model in {"network": net, "physics": Truth()}.items():
        rms, squared = experiment(model)
        low, high = chi2.ppf([0.025, 0.975], 3)
        inside = np.mean((squared > low) & (squared < high))
        print(f"{name:16}{rms[0]:8.4f} m/s{rms[1]:8.4f} m/s{rms[2]:6.4f} rad/s{squared.mean():11.2f}{inside:9.1%}")

    models = {"fastjac": net, "finite differences": others.finite_differences(net)}
    models["NumPy by hand"] = others.by_hand(net)
    if with_others:
        models |= others.available(net)
    times, calls = step_times(models), call_times(models)
    print(f"\n{'microseconds':24}{'network':>9}{'predict and update':>20}{'p99':>9}")
    for name, each in times.items():
        ratio = np.median(each) / np.median(times["fastjac"])
        p50, p99 = 1e6 * np.quantile(each, [0.5, 0.99])
        print(f"{name:24}{1e6 * calls[name]:9.2f}{p50:20.1f}{p99:9.1f}{ratio:7.1f}x")


if __name__ == "__main__":
    main(__doc__, fj.from_npz(HERE / "ekf.npz"), draw, report)
