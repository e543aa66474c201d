"""Some columns and rows of J: time falls with their number."""


import fastjac as fj

from .bench_zeros import make_points, random_layers
from .networks import value_and_jacobian

WIDTHS = {"8-64-64-8": (8, 64, 64, 8), "64-256-256-64": (64, 256, 256, 64)}


class Parts:
    """One eighth, a quarter, half and all of the columns, or of the rows."""

    params = (list(WIDTHS), ["wrt", "outputs"], [8, 4, 2, 1], [1, 100])
    param_names = ("network", "which", "one_in", "n_points")

    def setup(self, network, which, one_in, n_points):
        self.layers = random_layers(WIDTHS[network], "float64", "tanh")
        self.x = make_points(WIDTHS[network][0], "float64", n_points)
        self.chosen = {which: slice(None, WIDTHS[network][0] // one_in)}
        self.part = fj.Network(self.layers).select(**self.chosen)

    def time_jacobian(self, network, which, one_in, n_points):
        return self.part.jacobian(self.x)

    def reference_jacobian(self, network, which, one_in, n_points):
        J = value_and_jacobian(self.layers, self.x)[1]
        return J[..., self.chosen.get("outputs", slice(None)), :][..., self.chosen.get("wrt", slice(None))]
