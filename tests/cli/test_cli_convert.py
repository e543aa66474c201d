"""`convert`: the network and its notes are the same in every format; other commands take every format."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from support import assert_same

import fastjac as fj
from fastjac._cli.main import main
from fastjac.formats import read_notes

POINTS = np.random.default_rng(0).normal(size=(7, 3))

NNET = """// two layers
2, 3, 1, 2,
3, 2, 1,
0,
-1, -1, -1,
1, 1, 1,
0.5, 0, 0, 10,
2, 2, 2, 4,
1, 2, 3,
-1, 0.5, 1,
0.25,
-0.5,
1, -2,
3,
"""


def test_formats_there_and_back():
    net = fj.load("net.npz")
    assert main(["convert", "net.npz", "a.safetensors"]) == 0
    assert main(["convert", "a.safetensors", "b.npz"]) == 0
    assert main(["convert", "b.npz", "c.safetensors"]) == 0
    assert sorted(os.listdir()) == ["a.safetensors", "b.npz", "c.safetensors", "net.npz"]
    assert Path("net.npz").read_bytes() == Path("b.npz").read_bytes()
    assert Path("a.safetensors").read_bytes() == Path("c.safetensors").read_bytes()
    assert read_notes("a.safetensors") == {"description": "a test"}
    assert_same(fj.load("a.safetensors").value_and_jacobian(POINTS), net.value_and_jacobian(POINTS))


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_dtype(suffix):
    assert main(["convert", "net.npz", f"out.{suffix}", "--dtype", "float32"]) == 0
    net = fj.load(f"out.{suffix}")
    assert net.dtype == np.float32
    assert_same(net.jacobian(POINTS), fj.load("net.npz", dtype="float32").jacobian(POINTS))


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_options_of_nnet(suffix):
    Path("net.nnet").write_text(NNET)
    for words, options in (([], {}), (["--no-clip", "--no-normalize"], {"clip": False, "normalize": False})):
        assert main(["convert", "net.nnet", f"out.{suffix}", *words]) == 0
        assert_same(fj.load(f"out.{suffix}").value_and_jacobian(POINTS),
                    fj.load("net.nnet", **options).value_and_jacobian(POINTS))


def test_note_that_the_other_format_has_no_place_for(fails):
    fj.load("net.npz").save("a.safetensors", W1="a note")
    assert "expected a name for a note that is no weight or parameter, got 'W1'" in fails(
        "convert", "a.safetensors", "a.npz")


def test_other_commands_take_the_format(capsys):
    fj.load("net.npz").save("net.safetensors", units_in=["m", "s", "kg"])
    assert main(["info", "net.safetensors"]) == 0
    assert "units_in  m, s, kg" in capsys.readouterr().out
    np.save("x.npy", POINTS)
    assert main(["jacobian", "net.safetensors", "x.npy", "-o", "J.npy"]) == 0
    assert_same(np.load("J.npy"), fj.load("net.npz").jacobian(POINTS))


def test_file_of_keras(capsys):
    keras = pytest.importorskip("test_from_keras_file")
    layers = [keras.dense("d", 3, 2, "tanh")]
    keras.archive("net.keras", keras.sequential(layers), layers)
    assert main(["convert", "net.keras", "net.safetensors"]) == 0
    assert_same(fj.load("net.safetensors").jacobian(POINTS), fj.load("net.keras").jacobian(POINTS))
    assert main(["info", "net.keras"]) == 0
    assert "tanh" in capsys.readouterr().out


def test_reader_that_is_not_installed(fails, monkeypatch):
    keras = pytest.importorskip("test_from_keras_file")
    keras.archive("net.keras", keras.sequential([]), [])
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert "net.keras: expected h5py, which reads it, to be installed" in fails("info", "net.keras")
