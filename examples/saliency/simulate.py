"""Which pixels decide what a digit is, and how little ink makes it another one: the Jacobian of a classifier.

    python examples/saliency/simulate.py                           # smallest steps that change the decision; times
    python examples/saliency/simulate.py --picture saliency.svg    # the picture

The network takes 64 pixels to the logits z of ten digits; the largest decides. J has a row for each logit: the map of
what speaks for digit c and against k is the difference of two rows, and it says how far the border between them is.
"""

import sys
from pathlib import Path

import numpy as np

import fastjac as fj

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import others
from command_line import main
from measuring import medians

WHITE = 16  # pixels in the file are from 0 to that
FACTORS = (0.8, 0.9, 0.98, 1.02, 1.1)
BEYOND = 1.02  # a step to the border times this goes beyond it


def digits():
    """The digits (599, 64), pixels from 0 to 1, that the network has not learned from, and what they are."""
    with np.load(HERE / "digits.npz") as file:
        return file["pixels"] / WHITE, file["labels"]


def saliency(model, x):
    """Gradient (n, 64) of the margin between the digit that is decided for and the second one, and both (2, n)."""
    z, J = model.value_and_jacobian(x)
    first, second = z.argsort(axis=-1)[:, :-3:-1].T
    rows = np.arange(len(x))
    return J[rows, first] - J[rows, second], (first, second)


def nearest_border(model, x, n_steps=16, damping=0.7):
    """Steps (n, 64) from each x to the nearest border of the class that is decided for.

    To first order around x + step, the border to class k is a plane; the next step leads from x to the nearest of the
    planes, on the perpendicular. Of the steps after the first only a part is gone, as some would alternate for ever.
    """
    rows, label = np.arange(len(x)), model(x).argmax(axis=-1)
    step = np.zeros_like(x)
    for iteration in range(n_steps):
        z, J = model.value_and_jacobian(x + step)
        margin, gradient = z[rows, label, None] - z, J[rows, label, None] - J
        length = np.linalg.norm(gradient, axis=-1)
        length[rows, label] = 1  # where the gradient is zero, as the class has no border to itself
        distance = (margin - np.einsum("nki,ni->nk", gradient, step)) / length
        distance[rows, label] = np.inf
        k = distance.argmin(axis=-1)
        found = -(distance / length)[rows, k, None] * gradient[rows, k]
        step = found if iteration == 0 else (1 - damping) * step + damping * found
    return step


def turned(net, x, step):
    """Share of digits for which the network decides otherwise after the step."""
    return np.mean(net(x + step).argmax(axis=-1) != net(x).argmax(axis=-1))


def times(net, x, with_others=False, seconds=3.0):
    """{name: time in s} of all values and Jacobians at x."""
    models = {"fastjac": net, "forward differences of fastjac": others.finite_differences(net)}
    models["NumPy by hand"] = others.by_hand(net)
    if with_others:
        models |= others.available(net, leave_out=("CasADi",))
    return medians({name: lambda m=m: m.value_and_jacobian(x) for name, m in models.items()}, seconds)


def draw(net, path):
    """The picture of this example: of each digit, one that is as hard to change as half of its kind."""
    import pictures

    x, labels = digits()
    step = BEYOND * nearest_border(net, x)
    length = np.linalg.norm(step, axis=-1)
    right = net(x).argmax(axis=-1) == labels
    chosen = []
    for digit in range(10):
        kind = np.flatnonzero(right & (labels == digit))
        chosen.append(kind[length[kind].argsort()[len(kind) // 2]])
    x, step = x[chosen], step[chosen]
    gradient, (first, second) = saliency(net, x)
    after = net(x + step).argmax(axis=-1)

    ink = {"cmap": "gray_r", "vmin": 0, "vmax": 1}
    rows = (
        ("digit", x, first, ink),
        ("what speaks for it\nand against ...", gradient, second, {"cmap": "RdBu_r", "vmin": -2.5, "vmax": 2.5}),
        ("smallest step", step, None, {"cmap": "RdBu_r", "vmin": -0.3, "vmax": 0.3}),
        ("digit and step", x + step, after, ink),
    )
    picture, grid = pictures.figure(9.8, 4.6, 4, 10)
    for (name, images, titles, options), axes in zip(rows, grid):
        axes[0].set_ylabel(name, rotation=0, ha="right", va="center")
        for k, each in enumerate(axes):
            each.imshow(images[k].reshape(8, 8), interpolation="nearest", **options)
            each.set(xticks=[], yticks=[])
            each.spines[:].set(visible=True, color="#bbbbbb")
            if titles is not None:
                each.set_title(titles[k], loc="center", pad=3)
    pictures.save(picture, path)


def report(net, with_others):
    x, labels = digits()
    print(f"{len(x)} digits that were held out, {np.mean(net(x).argmax(axis=-1) == labels):.1%} recognised")
    print("decided otherwise after a step to the nearest border, times " + "".join(f"{f:8g}" for f in FACTORS))
    for n_steps in (1, 2, 4, 16):
        step = nearest_border(net, x, n_steps)
        length = np.linalg.norm(step, axis=-1)
        print(f"  by {n_steps:2} linearised steps, median length {np.median(length):.3f}      " +
              "".join(f"{turned(net, x, factor * step):8.1%}" for factor in FACTORS))
    print("length {:.2f} to {:.2f} for nine in ten; ".format(*np.quantile(length, [0.05, 0.95])) +
          f"the digits themselves are {np.median(np.linalg.norm(x, axis=-1)):.2f}")
    noise = np.random.default_rng(0).standard_normal((100, *x.shape))
    noise *= (BEYOND * length / np.linalg.norm(noise, axis=-1))[..., None]
    print(f"decided otherwise after noise as long: {turned(net, x, noise):.2%}; "
          f"after the step, its pixels kept from 0 to 1: {turned(net, x, np.clip(x + BEYOND * step, 0, 1) - x):.1%}")

    x = np.tile(x, (3, 1))  # as many as scikit-learn has
    print(f"\n{f'{len(x):,} values and Jacobians':34}{'milliseconds':>12}")
    found = times(net, x, with_others)
    for name, seconds in found.items():
        print(f"  {name:32}{1e3 * seconds:12.2f}{seconds / found['fastjac']:9.1f}x")


if __name__ == "__main__":
    main(__doc__, fj.load(HERE / "saliency.safetensors"), draw, report)
