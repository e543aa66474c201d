"""Suites of benchmarks. `reference_<name>` says in NumPy what `time_<name>` must return.

Benchmarks of time have no `setup`, but take what is `prepared` for their parameters: where there is a `setup`,
ASV 0.6.6 times single calls, each on a network made anew, whose first Jacobian makes its plans.

ASV imports this package alone: the folder of `peers` joins the path here.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
