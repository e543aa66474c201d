"""Lift, drag and moment of an airfoil by NeuralFoil's networks, with their exact derivatives.

Parameters p (..., 23): 8 weights of the upper and 8 of the lower surface, weight of the leading edge, thickness of the
trailing edge over the chord, angle of attack in degrees, Reynolds number, critical exponent Ncrit of transition, and
where transition is forced on each side, over the chord. Results (..., 4): the confidence, from 0 to 1, that the case
resembles those of the training, and the coefficients of lift CL, drag CD, and moment CM about the quarter chord.

The network sees 25 scaled numbers and is asked twice, for the airfoil and for its mirror image in the mirrored stream;
the mean of both has the symmetry of the physics. Its output 0 is the logit of the confidence, to be lowered by the
squared Mahalanobis distance from the cases of the training.
"""

import numpy as np
from scipy.special import expit

import fastjac as fj

NAMES = [f"{side} {k}" for side in ("upper", "lower") for k in range(1, 9)]
NAMES += ["leading edge", "trailing edge", "angle", "Reynolds number", "Ncrit", "upper transition", "lower transition"]
ANGLE, REYNOLDS = NAMES.index("angle"), NAMES.index("Reynolds number")
CONFIDENCE, CL, CD, CM = range(4)

# Between p and the network stand z (25,): the shape, sin 2α, cos α, sin² α, ln Re, and the rest as it is.
MEAN, STD = np.zeros(25), np.ones(25)
STD[17] = 1 / 50
MEAN[21:23], STD[21:23] = (12.5, 9), (3.5, 4.5)
# The mirror image has z' = SIGN z[SWAP] and PARITY times the results.
SWAP = np.r_[8:16, 0:8, 16:23, 24, 23]
SIGN = np.ones(25)
SIGN[[*range(17), 18]] = -1
PARITY = np.array([1, -1, 1, -1])


def read(folder, size):
    """The network z -> (logit, CL, ln CD, CM) of that size, from archives in PyTorch's layout."""
    with np.load(folder / f"nn-{size}.npz") as file:
        arrays = dict(file)
    last = max(int(name.split(".")[1]) for name in arrays)
    for part in ("weight", "bias"):
        arrays[f"net.{last}.{part}"] = arrays[f"net.{last}.{part}"][:4]  # what follows is boundary layers
    net = fj.from_state_dict(arrays, "silu", dtype=np.float64)
    return net.with_input_scaling(MEAN, STD).with_output_scaling([0, 0, -4, 0], [1, 1 / 2, 2, 1 / 20])


class Aerodynamics:
    """p -> (confidence, CL, CD, CM), by a network that `read` has read or by another that is called like it."""

    def __init__(self, net, folder):
        self.net, self.n_in = net, len(NAMES)
        with np.load(folder / "scaled_input_distribution.npz") as file:
            self.center = MEAN + STD * file["mean_inputs_scaled"]
            self.precision = file["inv_cov_inputs_scaled"] / np.outer(STD, STD) / 25

    def __call__(self, p):
        z = self._points(p)
        return self._results(z, self.net(z))

    def value_and_jacobian(self, p):
        """Results (..., 4) and their derivatives (..., 4, 23), in units of a result per unit of a parameter."""
        z = self._points(p)
        y, J = self.net.value_and_jacobian(z)
        results = self._results(z, y)
        pull = (z - self.center) @ self.precision
        J = (J[..., 0, :, :] + PARITY[:, None] * (SIGN * J[..., 1, :, :])[..., SWAP]) / 2  # by z of the airfoil
        J[..., CONFIDENCE, :] -= (pull[..., 0, :] + (SIGN * pull[..., 1, :])[..., SWAP]) / 2
        confidence = results[..., CONFIDENCE, None]
        J[..., CONFIDENCE, :] *= confidence * (1 - confidence)
        J[..., CD, :] *= results[..., CD, None]

        angle = np.radians(p[..., ANGLE, None])
        by_angle = np.stack([2 * np.cos(2 * angle), -np.sin(angle), np.sin(2 * angle)], axis=-1) * np.pi / 180
        by_p = np.delete(J, [ANGLE, ANGLE + 1], axis=-1)
        by_p[..., ANGLE] = np.sum(J[..., ANGLE : ANGLE + 3] * by_angle, axis=-1)
        by_p[..., REYNOLDS] /= p[..., REYNOLDS, None]
        return results, by_p

    def _points(self, p):
        """z of the airfoil and of its mirror image, (..., 2, 25)."""
        angle = np.radians(p[..., ANGLE, None])
        parts = p[..., :ANGLE], np.sin(2 * angle), np.cos(angle), np.sin(angle) ** 2
        z = np.concatenate([*parts, np.log(p[..., REYNOLDS, None]), p[..., REYNOLDS + 1 :]], axis=-1)
        return np.stack([z, SIGN * z[..., SWAP]], axis=-2)

    def _results(self, z, y):
        away = z - self.center
        results = (y[..., 0, :] + PARITY * y[..., 1, :]) / 2
        results[..., CONFIDENCE] = expit(results[..., CONFIDENCE] - np.sum(away @ self.precision * away, (-2, -1)) / 4)
        results[..., CD] = np.exp(results[..., CD])
        return results
