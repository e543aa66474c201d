"""How near batches come to the core's peak; the loop that measures the peak takes turns with them.

ASV takes smaller figures for better ones, so this is the inverse of the share: 1 is the peak, 1.25 are 80 %.
"""

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

    def track_times_the_peak(self, network, dtype):
        try:
            return 1 / shares(self.case, n_rounds=11, budget=4e-3)["share"]
        except Absent as reason:
            raise NotImplementedError(f"no compiler: {reason}") from reason  # ASV leaves it out

    track_times_the_peak.unit = "times"

    def check_times_the_peak(self, times, network, dtype):
        assert times > 0.9, f"time at the peak: expected to be the least, got {times:g} times"
