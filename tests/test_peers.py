"""The comparison with other libraries runs where they are absent, and times no wrong result."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="needs the benchmarks beside the tests")


def test_comparison_writes_table_figures_and_plots(tmp_path):
    asked = {"fastjac", "fastjac-out", "blas", "numpy", "casadi-vm"}
    command = [sys.executable, str(BENCHMARKS / "peers.py"), "--quick", "--networks", "one-hidden,pendulum",
               "--peers", ",".join(sorted(asked)), "--json", str(tmp_path / "all.json"), "--plot", str(tmp_path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    record = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    for dtype in ("float64", "float32"):
        for network, sizes in (("one-hidden", (1, 128)), ("pendulum", (1, 200))):
            for n_points in sizes:
                here = {"network": network, "dtype": dtype, "n_points": n_points}
                timed, absent = (
                    {row["peer"] for row in record[part] if here.items() <= row.items()} for part in ("rows", "absent")
                )
                assert timed | absent == asked and not timed & absent
                assert timed >= {"fastjac", "fastjac-out", "blas", "numpy"}
        assert (tmp_path / f"point-{dtype}.svg").read_text(encoding="utf-8").startswith("<svg")
        assert (tmp_path / f"batch-{dtype}.svg").exists()
    assert all(row["us"] > 0 for row in record["rows"])
    assert "pendulum 3-20-20-2 tanh, float32, 200 points" in printed


def test_wrong_result_of_a_peer_is_named_and_not_timed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from peers import timing
    from peers.case import Case, make_layers, make_points

    layers = make_layers((3, 5, 2), "tanh", np.float64)
    case = Case(layers, make_points(layers, 4, np.float64), tmp_path)
    y, J = case.reference
    results = {"numpy": (y, J * (1 + 1e-9)), "jax": (y, J), "eigen": (y, J.swapaxes(1, 2))}
    monkeypatch.setattr(timing, "find", lambda name: lambda case: {"": lambda: results[name]})
    rows, absent, wrong = timing.compare(list(results), case, n_rounds=1, budget=1e-6)
    assert [row["peer"] for row in rows] == ["jax"]
    assert wrong == ["numpy", "eigen"]
    assert "relative error" in absent["numpy"] and "got (4, 3, 2)" in absent["eigen"]


def test_points_lie_away_from_kinks(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from peers.case import make_points

    W = np.eye(2)
    plain = make_points([(W, np.zeros(2), "identity")], 5, np.float64)
    layers = [(W, -plain[1], "relu"), (W, np.zeros(2), "identity")]  # a kink at the second point
    kept = make_points(layers, 5, np.float64)
    assert not (kept == plain[1]).any() and np.array_equal(kept[:2], plain[[0, 2]])
