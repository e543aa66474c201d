"""Memory: a batch of Jacobians needs its own memory plus a bounded workspace."""

import resource
import sys

import numpy as np

from .networks import make_layers, make_network, make_points, value_and_jacobian

RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def peak_nbytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT


class Memory:
    params = ([1_000, 30_000],)
    param_names = ("n_points",)

    def setup(self, n_points):
        self.net = make_network("small", "float64")
        self.x = make_points("small", n_points, "float64")
        self.J = np.ones((n_points, self.net.n_out, self.net.n_in))
        self.net.jacobian(self.x[0])  # what the first call fetches belongs to no batch

    def peakmem_jacobian(self, n_points):
        return self.net.jacobian(self.x, out=self.J)

    def track_workspace(self, n_points):
        """Bytes by which the peak of the process grows beyond the results."""
        before = peak_nbytes()
        self.net.jacobian(self.x, out=self.J)
        return peak_nbytes() - before

    track_workspace.unit = "bytes"

    def reference_jacobian(self, n_points):
        return value_and_jacobian(make_layers("small", "float64"), self.x)[1]

    def check_workspace(self, nbytes, n_points):
        assert 0 <= nbytes < 16 * 2**20, f"workspace: expected less than 16 MiB, got {nbytes} bytes"
