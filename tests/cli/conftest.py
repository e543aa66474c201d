"""Tools of the tests of the command line."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastjac as fj
from fastjac._cli import jacobian as jacobian_command
from fastjac._cli.main import main
from fastjac.formats import from_npz, save_npz


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Each test works in a folder of its own, with net.npz (3 inputs, 2 outputs)."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    first = fj.Layer(rng.normal(size=(3, 5)), rng.normal(size=5), "tanh")
    second = fj.Layer(rng.normal(size=(5, 2)))
    save_npz(fj.Network([first, second]), "net.npz", description="a test")


@pytest.fixture
def small_tiles(monkeypatch):
    """Tiles of 7 points for net.npz: 57 points are 9 tiles, the last one short."""
    monkeypatch.setattr(jacobian_command, "TILE_NBYTES", 7 * 8 * (3 + 2 + 6))


@pytest.fixture
def expected():
    """Value and Jacobian of net.npz at given points, in one call."""
    return from_npz("net.npz").value_and_jacobian


@pytest.fixture
def fails(capsys):
    """Run a command that must fail with status 2, one line and no new files; returns the line."""

    def fails(*arguments):
        before = sorted(os.listdir())
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as error:  # argparse
            status = error.code
        assert status == 2
        assert sorted(os.listdir()) == before
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        return captured.err

    return fails


@pytest.fixture
def environment():
    """Environment of another process that shall run the fastjac that these tests import."""
    return os.environ | {"PYTHONPATH": str(Path(fj.__file__).resolve().parent.parent)}


@pytest.fixture
def python(environment):
    """Start `python -m fastjac`."""

    def python(*arguments):
        command = [sys.executable, "-W", "error", "-m", "fastjac", *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)

    return python
