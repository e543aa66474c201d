"""Error bars for a scikit-learn pipeline: a flow meter, calibrated with good instruments and used with others.

    pip install scikit-learn
    python examples/errorbars/simulate.py                            # against draws through `predict`; coverage; times
    python examples/errorbars/simulate.py --picture errorbars.svg    # the picture

A pipeline has learned the mass flow from pressure drop, pressure and temperature. In the field these are measured with
errors of covariance P, correlated and different at each point: the prediction has the variance J P Jᵀ, besides that
of the calibration itself.
"""

import sys
from pathlib import Path

import numpy as np
from meter import REFERENCE, calibration, conditions, covariance, flow, readings
from scipy.special import ndtri

import fastjac as fj

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from command_line import main
from measuring import medians

LEVELS = np.array([0.5, 0.68, 0.9, 0.95, 0.99])


def pipeline():
    """The calibrated pipeline, conditions (n, 3) -> kg/s, and its relative error at points that were held out."""
    try:
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.neural_network import MLPRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError:
        sys.exit("expected scikit-learn, whose pipeline this is about: pip install scikit-learn")
    regressor = MLPRegressor(hidden_layer_sizes=(16, 16), activation="tanh", solver="lbfgs", alpha=1e-3, tol=1e-6,
                             max_iter=3000, max_fun=100_000, random_state=0)
    model = TransformedTargetRegressor(make_pipeline(StandardScaler(), regressor), func=np.log, inverse_func=np.exp)
    x, q = calibration()
    model.fit(x[:800], q[:800])
    # What is held out has the errors of the reference, too, which its certificate states.
    return model, np.sqrt(np.mean((model.predict(x[800:]) / q[800:] - 1) ** 2) - REFERENCE**2)


def bars(net, x, P):
    """Standard deviation (n,) of the predictions at x (n, 3) with errors of covariance P."""
    return np.sqrt(net.propagate_covariance(x, P)[:, 0, 0])


def bars_by_differences(predict, x, P):
    """The same by central differences of `predict`, which takes rows: 2 n_in values and one for each point."""
    h = 1e-5 * np.sqrt(np.diagonal(P, axis1=1, axis2=2))
    steps = h[:, None, :] * np.concatenate([np.eye(3), -np.eye(3), np.zeros((1, 3))])
    y = predict((x[:, None] + steps).reshape(-1, 3)).reshape(-1, 7)
    J = (y[:, :3] - y[:, 3:6]) / (2 * h)
    return np.sqrt(np.einsum("ni,nij,nj->n", J, P, J))


def bars_by_draws(predict, x, n_draws, seed=0):
    """The same by Monte Carlo."""
    drawn = readings(x, n_draws, seed)
    return predict(drawn.reshape(-1, 3)).reshape(drawn.shape[:2]).std(axis=0)


def coverage(deviation, sigma, levels=LEVELS):
    """Share of deviations within the intervals that should hold each of `levels` of them, for normal ones."""
    return np.array([np.mean(abs(deviation) <= ndtri((1 + level) / 2) * sigma) for level in levels])


def in_the_field(net, scatter, n_points=500, n_draws=200):
    """Deviations of predictions from the true flow, and the standard deviations that one might state, by name."""
    x = conditions(n_points, seed=7)
    read = readings(x, n_draws, seed=5).reshape(-1, 3)
    predicted, P = net(read)[:, 0], covariance(read)  # of what was read, as the truth is not known in the field
    known = scatter * predicted
    stated = {"calibration alone": known, "and the diagonal of P": np.hypot(known, bars(net, read, P * np.eye(3))),
              "and J P Jᵀ": np.hypot(known, bars(net, read, P))}
    return predicted - np.tile(flow(x), n_draws), stated


def times(net, predict, n_points=1000, n_draws=1000, seconds=3.0):
    """{name: time in s of all error bars}; Monte Carlo from a tenth of the points."""
    x = conditions(n_points, seed=8)
    few, P = x[::10], covariance(x)
    found = medians({
        "fastjac": lambda: bars(net, x, P),
        "2n + 1 calls of the network": lambda: bars_by_differences(lambda x: net(x)[:, 0], x, P),
        "2n + 1 of predict": lambda: bars_by_differences(predict, x, P),
        "draws": lambda: bars_by_draws(predict, few, n_draws),
        "predict alone": lambda: predict(x),
    }, seconds, fewest=3)
    found[f"{n_draws:,} draws through predict"] = found.pop("draws") * n_points / len(few)
    return found


def draw(calibrated, path):
    """The picture of this example."""
    import pictures

    model, scatter = calibrated
    net = fj.from_sklearn(model)
    picture, (field, checked, covered) = pictures.figure(10.5, 3.7, 1, 3, width_ratios=(1.25, 1, 1))

    x = conditions(70, seed=3)
    read = readings(x, 1, seed=4)[0]
    predicted = net(read)[:, 0]
    sigma = np.hypot(scatter * predicted, bars(net, read, covariance(read)))
    deviation = 100 * (predicted / flow(x) - 1)
    field.axhline(0, color=pictures.GREY, linewidth=1)
    field.errorbar(flow(x), deviation, 200 * sigma / flow(x), fmt="o", color=pictures.BLUE, ecolor="#9ecae1",
                   markersize=3)
    field.set(title="Prediction and 2 standard deviations", xlabel="true flow, kg/s", xscale="log",
              ylabel="deviation from the truth, %", xticks=(0.05, 0.1, 0.2, 0.4, 0.8),
              xticklabels=["0.05", "0.1", "0.2", "0.4", "0.8"])
    field.minorticks_off()

    x = conditions(200, seed=6)
    P, value = covariance(x), net(x)[:, 0] / 100
    by_draws = bars_by_draws(model.predict, x, 2000) / value
    checked.plot([0.3, 4], [0.3, 4], color=pictures.GREY, linewidth=1)
    checked.loglog(by_draws, bars(net, x, P * np.eye(3)) / value, ".", color=pictures.ORANGE, markersize=4,
                   label="diagonal of P alone")
    checked.loglog(by_draws, bars(net, x, P) / value, ".", color=pictures.BLUE, markersize=4, label="J P Jᵀ")
    ticks = {f"{axis}{what}": value for axis in "xy"
             for what, value in (("ticks", (0.5, 1, 2, 4)), ("ticklabels", ["0.5", "1", "2", "4"]))}
    checked.set(title="Standard deviation, %", xlabel="2,000 draws through predict", ylabel="by the Jacobian", **ticks)
    checked.minorticks_off()
    checked.legend(loc="upper left")

    deviation, stated = in_the_field(net, scatter)
    levels = np.linspace(0.02, 0.99, 40)
    covered.plot([0, 100], [0, 100], color=pictures.GREY, linewidth=1)
    for (name, sigma), color in zip(stated.items(), (pictures.RED, pictures.ORANGE, pictures.BLUE)):
        covered.plot(100 * levels, 100 * coverage(deviation, sigma, levels), color=color, label=name)
    covered.set(title="Truths within the interval, %", xlabel="nominal, %", xlim=(0, 100), ylim=(0, 100))
    covered.legend(loc="upper left")
    pictures.save(picture, path)


def report(calibrated, _):
    model, scatter = calibrated
    net, x = fj.from_sklearn(model), conditions(200, seed=6)
    P, value = covariance(x), net(x)[:, 0]
    print(f"{net}\n\nlargest difference of the network from predict: {abs(value / model.predict(x) - 1).max():.0e}")
    print(f"error of the calibration: {scatter:.2%}")
    found, by_draws = bars(net, x, P), bars_by_draws(model.predict, x, 4000)
    print("standard deviation by J P Jᵀ: {:.2%} to {:.2%} of the flow".format(*np.quantile(found / value, [0, 1])))
    for name, each in {"J P Jᵀ": found, "diagonal of P alone": bars(net, x, P * np.eye(3))}.items():
        low, middle, high = np.quantile(each / by_draws, [0.05, 0.5, 0.95])
        print(f"  {name} over that of 4,000 draws: median {middle:.3f}, 5 to 95 % {low:.3f} to {high:.3f}")

    deviation, stated = in_the_field(net, scatter)
    print(f"\n{'truths within':26}" + "".join(f"{level:8.0%}" for level in LEVELS))
    for name, sigma in stated.items():
        print(f"  {name:24}" + "".join(f"{share:8.1%}" for share in coverage(deviation, sigma)))

    print(f"\n{'1,000 error bars':34}milliseconds")
    took = times(net, model.predict)
    for name, seconds in took.items():
        print(f"  {name:32}{1e3 * seconds:12.2f}{seconds / took['fastjac']:9.1f}x")


if __name__ == "__main__":
    main(__doc__, pipeline(), draw, report)
