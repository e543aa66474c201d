"""The comparison with other libraries runs where they are absent, and times no wrong result."""

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

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
        for network, sizes in (("one-hidden", (1, 20)), ("pendulum", (1, 20))):
            for n_points in sizes:
                here = {"network": network, "dtype": dtype, "n_points": n_points}
                timed, absent = (
                    {row["peer"] for row in record[part] if here.items() <= row.items()} for part in ("rows", "absent")
                )
                assert timed | absent == asked and not timed & absent
                assert timed >= {"fastjac", "fastjac-out", "blas", "numpy"}
        chart = ElementTree.parse(tmp_path / f"peers-{dtype}.svg").getroot()
        texts = {element.text for element in chart.iter("{http://www.w3.org/2000/svg}text")}
        assert {"3-64-5 tanh, one point", "3-20-20-2 tanh, 20 points", "blas", "numpy"} <= texts
    assert all(row["us"] > 0 for row in record["rows"])
    assert "pendulum 3-20-20-2 tanh, float32, 20 points" in printed
    assert all(row["work"] in printed and row["measured"] > 0 for row in record["targets"])
    assert {"float64", "the better pure sweep", "its kernel"} <= {row["against"] for row in record["targets"]}


def test_targets_take_the_rows_that_they_name(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from peers import targets

    row = {"network": "small", "peer": "jax", "dtype": "float64", "n_points": 1, "us": 17.0}
    ours = {**row, "peer": "fastjac", "us": 2.0}
    others = [ours, {**row, "dtype": "float32"}, {**row, "peer": "numpy"}, {**row, "network": "pendulum"}]
    (found,) = targets.against_peers([*others, row])
    assert (found["target"], found["measured"], found["reached"]) == (9, 8.5, False)
    (found,) = targets.against_peers([{**one, "n_points": 10_000} for one in (ours, row)])
    assert (found["target"], found["measured"], found["reached"]) == (4, 8.5, True)
    assert not list(targets.against_peers([row]))


def test_networks_that_are_not_fetched_are_named(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from peers import Absent, real
    fetch = pytest.importorskip("real.fetch")

    monkeypatch.setattr(fetch, "is_complete", lambda: False)
    with pytest.raises(Absent, match="fetch.py"):
        real.load("qlknn")


def test_wrong_result_of_a_peer_is_named_and_not_timed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from peers import timing
    from peers.case import Case, make_layers, make_points

    layers = make_layers((3, 5, 2), "tanh")
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


def test_figures_go_between_their_marks(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import publish

    rows = [{"network": "tiny", "peer": "fastjac", "dtype": "float64", "n_points": 1, "us": 0.5, "ratio": 1.0},
            {"network": "tiny", "peer": "jax", "dtype": "float64", "n_points": 1, "us": 12.34, "ratio": 24.68},
            {"network": "tiny", "peer": "jax", "dtype": "float32", "n_points": 1, "us": 9.0, "ratio": 18.0}]
    text = publish.peers_table({"rows": rows})
    assert "| JAX, jit, the better mode | 12.3 (25) | – |" in text
    page = "before\n<!-- figures: peers -->\nold\n<!-- end -->\nafter <!-- end -->\n"
    filled = publish.fill(page, {"peers": text})
    assert filled == f"before\n<!-- figures: peers -->\n{text}\n<!-- end -->\nafter <!-- end -->\n"
    assert publish.fill(filled, {"peers": text}) == filled
    with pytest.raises(ValueError, match="'peers'"):
        publish.fill(page, {"batch": ""})


def test_pages_have_marks_for_every_table(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import publish

    marks = [mark for page in publish.PAGES
             for mark in re.findall(r"<!-- figures: (\S+) -->\n(?!<!-- end)", page.read_text(encoding="utf-8"))]
    assert sorted(marks) == ["batch", "machine", "one", "peers", "roofline", "roofs", "targets"]
