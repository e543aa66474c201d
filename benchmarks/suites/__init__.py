"""Benchmarks for airspeed velocity, which imports this package alone: the folder of `peers` joins the path here."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
