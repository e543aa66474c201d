"""The command line: demonstration, info, config, help, and what a terminal sees."""

import os
import subprocess
import sys

import numpy as np
import pytest

import fastjac as fj
from fastjac._cli import demo, networks
from fastjac._cli.main import main
from fastjac.formats import from_npz


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals of POSIX")
def test_progress_on_a_terminal_only(python, environment):
    import pty

    np.save("x.npy", np.ones((57, 3)))
    arguments = ("jacobian", "net.npz", "x.npy", "-o", "J.npy")
    out, err = (process := python(*arguments)).communicate()
    assert (process.returncode, out, err) == (0, b"", b"")

    terminal, inner = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "fastjac", *arguments], stderr=inner, stdout=subprocess.PIPE, env=environment
    )
    out = process.communicate()[0]
    drawn = os.read(terminal, 10_000).decode()
    os.close(inner)
    os.close(terminal)
    assert process.returncode == 0 and out == b""
    assert "[" + 30 * "#" + "] 57 of 57 points" in drawn
    assert drawn.endswith("\r\x1b[K")  # and it is gone at the end


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_reader_that_goes_away(python):
    process = python("info", "net.npz")
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0


# the demonstration


def test_demo_in_a_process(python):
    out, err = (process := python()).communicate()
    assert process.returncode == 0
    assert err == b""
    text = out.decode()
    assert "\033" not in text  # no colours into a pipe
    for part in (
        "pendulum",
        "passed",
        "point x",
        "angle",
        "rad/s",
        "N m",
        "one point",
        "batch of 10000",
        "SIMD",
    ):
        assert part in text
    net, _ = networks.bundled()
    J = net.jacobian(demo.POINT)
    rows = [line.split()[-3:] for line in text.splitlines() if line.startswith("  next") and "]" in line]
    np.testing.assert_allclose(np.array(rows, float), J, rtol=0, atol=5.01e-9)


class Corrupted:
    """The bundled network with one entry of J changed."""

    def __init__(self, net, change):
        self.net, self.change = net, change

    def __getattr__(self, name):
        return getattr(self.net, name)

    def value_and_jacobian(self, x, **options):
        y, J = self.net.value_and_jacobian(x, **options)
        J[..., 1, 0] = self.change(J[..., 1, 0])
        return y, J


@pytest.mark.parametrize("change", [lambda J: J * (1 + 1e-11), lambda J: J * np.nan, lambda J: -J])
def test_demo_notices_a_wrong_jacobian(monkeypatch, capsys, change):
    net, notes = networks.bundled()
    monkeypatch.setattr(demo, "bundled", lambda: (Corrupted(net, change), notes))
    monkeypatch.setattr(demo, "timings", lambda net: "")
    assert main([]) == 1
    out = capsys.readouterr().out
    assert "FAILED" in out and "passed" not in out
    assert "d(next velocity)/d(angle)" in out


def test_check_holds_over_the_domain():
    net, _ = networks.bundled()
    for x in np.random.default_rng(3).uniform(-1, 1, (200, 3)) * [np.pi, 8, 3]:
        error, bound = demo.check(net, x, net.jacobian(x))
        assert np.all(error <= bound)


def test_colours_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(demo, "timings", lambda net: "")
    assert main([]) == 0
    assert "\033[32mpassed\033[0m" in capsys.readouterr().out


# the others


def test_info(capsys):
    assert main(["info", "net.npz", "--points", "500"]) == 0
    out = capsys.readouterr().out
    net = from_npz("net.npz")
    plans = str(net.plan()), str(net.plan(500))
    for part in (str(net), "description  a test", *plans, "500 points", net.formula()):
        assert part in out


def test_info_of_bundled_network(capsys):
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert "next angle, next velocity" in out and "10000 points" in out


def test_info_of_one_point_has_one_plan(capsys):
    assert main(["info", "net.npz", "--points", "1"]) == 0
    assert capsys.readouterr().out.count("Plan, ") == 1


def test_config(capsys):
    fj.show_config()
    expected = capsys.readouterr().out
    assert main(["config"]) == 0
    assert capsys.readouterr().out == expected != ""


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"fastjac {fj.__version__}\n"


@pytest.mark.parametrize("command", [[], ["jacobian"], ["info"], ["convert"], ["config"]])
def test_help_is_complete(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--help"])
    out = capsys.readouterr().out
    options = ["--value", "--key", "--workers", "--dtype", "--no-normalize", "--no-clip"]
    parts = {
        "jacobian": ["POINTS", ".csv", *options],
        "info": ["NETWORK", "--points"],
        "convert": ["IN", "OUT", "--dtype", "--no-normalize", "--no-clip"],
        "config": ["SIMD"],
        None: ["jacobian", "info", "convert", "config", "--version", "130"],
    }[command[0] if command else None]
    for part in parts:
        assert part in out


def test_commands_are_imported_when_they_run(environment):
    script = (
        "import sys, fastjac._cli.main as main; main.parser(); "
        "print(*(name for name in sys.modules if name.startswith('fastjac._cli.')))"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, env=environment
    ).stdout.split()
    assert sorted(out) == ["fastjac._cli.errors", "fastjac._cli.main"]


def test_output_without_unicode(environment):
    done = subprocess.run(
        [sys.executable, "-m", "fastjac", "info"],
        capture_output=True,
        env=environment | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
