"""The share of the core's peak that batches reach; the loop that measures the peak takes turns with them."""

from pathlib import Path
from tempfile import TemporaryDirectory

from peers import Absent
from peers.case import PEAK_NETWORKS, make_case
from peers.peak import shares


class Peak:
    params = (list(PEAK_NETWORKS), ["float64", "float32"])
    param_names = ("network", "dtype")

    def setup(self, network, dtype):
        self.folder = TemporaryDirectory()
        self.case = make_case(network, True, dtype, Path(self.folder.name), PEAK_NETWORKS)

    def teardown(self, network, dtype):
        self.folder.cleanup()

    def track_share_of_peak(self, network, dtype):
        try:
            return 100 * shares(self.case, n_rounds=11, budget=4e-3)["share"]
        except Absent as reason:
            raise NotImplementedError(f"no compiler: {reason}") from reason  # ASV leaves it out

    track_share_of_peak.unit = "%"

    def check_share_of_peak(self, share, network, dtype):
        assert 0 < share < 110, f"share of the peak: expected at most about 100 %, got {share:g} %"
