"""The command line where something is wrong: one line, the right status, no half files."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from fastjac._cli import jacobian as jacobian_command
from fastjac._cli.main import main

POINTS = np.random.default_rng(0).normal(size=(57, 3))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.txt", "1 2 3\n4 5\n", "x.txt, line 2: expected 3 numbers as before, got 2"),
        ("x.txt", "x y z\n1 2 three\n", "x.txt, line 2: expected a number, got 'three'"),
        ("x.txt", "1 2 l\n1 2 3\n", "x.txt, line 1: expected a number, got 'l'"),
        ("x.csv", "1,,3\n", "line 1: expected a number, got ''"),
        ("x.txt", "1_0 2 3\n", "line 1: expected a number, got '1_0'"),
        ("x.txt", "1 2 3\nx y z\n", "line 2: expected a number, got 'x'"),
        ("x.txt", "a b c\n", "expected one point per line, got no numbers at all"),
        ("x.txt", "", "got no numbers at all"),
        ("x.txt", "1 2\n", "expected points with 3 inputs as the network has, got 2"),
        ("x.txt", b"1 2 \xff\n", "expected text in UTF-8 .* got the byte 0xff"),
        ("x.npy", "1 2 3\n", r"x.npy: expected a .npy file with numbers"),
        ("x.npy", np.zeros((5, 4)), "expected points with 3 inputs as the network has, got 4"),
        ("x.npy", np.zeros((5, 3), complex), "as float32, float64 or integers, got dtype complex128"),
        ("x.npy", np.zeros((5, 3), bool), "got dtype bool"),
        ("x.npy", np.zeros((5, 3), np.longdouble), "got dtype "),
        ("x.npy", np.array(3.0), r"points of shape \(\.\.\., n_in\), got shape \(\)"),
        ("x.npy", np.zeros((3, 0)), r"got shape \(3, 0\)"),
        ("x.npy", np.array([[None] * 3]), "expected a .npy file with numbers"),
        ("x.npy", np.zeros((4, 5, 3)).transpose(1, 0, 2).copy("F"), "got Fortran order"),
        ("x.npz", "1 2 3\n", "x.npz: expected a NumPy archive"),
        ("x.npz", {"x": np.array([[None] * 3])}, "got dtype object"),
        ("x.npz", {"x": np.zeros((5, 3), order="F")}, "in C order, which can be read row by row"),
    ],
)
def test_broken_points(name, content, message, fails):
    if isinstance(content, (str, bytes)):
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    elif isinstance(content, dict):
        np.savez(name, **content)
    else:
        np.save(name, content)
    assert re.search(message, fails("jacobian", "net.npz", name, "-o", "J.npy"))


@pytest.mark.parametrize("form", ["npy", "npz", "npz compressed"])
@pytest.mark.usefixtures("small_tiles")
def test_truncated_points(form, fails):
    """No result at all, although for an archive the damage shows up only on the way."""
    path = "x." + form[:3]
    if form == "npy":
        np.save(path, POINTS)
    else:
        (np.savez_compressed if "compressed" in form else np.savez)(path, x=POINTS)
    data = bytearray(Path(path).read_bytes())
    if form == "npy":
        del data[-100:]
    else:
        data[len(data) // 2] ^= 0xFF  # in the middle of the numbers: the directory is still good
    Path(path).write_bytes(data)
    assert "expected" in fails("jacobian", "net.npz", path, "-o", "J.npy")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["jacobian", "none.npz", "x.npy", "-o", "J.npy"], "No such file or directory: 'none.npz'"),
        (["jacobian", "net.npz", "none.npy", "-o", "J.npy"], "No such file or directory: 'none.npy'"),
        (["jacobian", "net.npz", "none.txt", "-o", "J.npy"], "No such file or directory: 'none.txt'"),
        (["jacobian", "net.npz", ".", "-o", "J.npy"], "Is a directory: '.'"),
        (["jacobian", "net.npz", "x.npy", "-o", "none/J.npy"], "No such file or directory: 'none/J.npy'"),
        (["jacobian", "net.npz", "x.npy", "-o", "folder.npy"], "regular file to write to, got 'folder.npy'"),
        (["jacobian", "net.npz", "x.npy", "-o", "J.mat"], "file .npy, .txt, .csv to write to, got 'J.mat'"),
        (["jacobian", "net.npz", "x.npy", "-o", "x.npy"], "does not overwrite its input, got 'x.npy'"),
        (["jacobian", "net.npz", "x.npy", "-o", "link.npy"], "does not overwrite its input, got 'link.npy'"),
        (["jacobian", "net.npz", "x.npy", "-o", "J.npy", "--value", "x.npy"], "does not overwrite its input"),
        (["jacobian", "net.npz", "x.npy", "-o", "J.npy", "--value", "./J.npy"], "two files for Jacobians"),
        (["jacobian", "net.npz", "x.npy", "-o", "J.npy", "--key", "x"], "points in a .npz file with --key"),
        (["jacobian", "x.npy", "x.npy", "-o", "J.npy"], "network in a file .safetensors, .npz, .nnet, "),
        (["jacobian", "net.npz", "x.npy"], "required: -o/--output"),
        (["jacobian", "net.npz", "x.npy", "-o", "J.npy", "--workers", "0"], "-1 for all cores, got 0"),
        (
            ["jacobian", "net.npz", "x.npy", "-o", "J.npy", "--workers", "two"],
            "expected an integer, got 'two'",
        ),
        (["jacobian", "net.npz", "x.npy", "-o", "J.npy", "--dtype", "float16"], "invalid choice: 'float16'"),
        (["info", "none.nnet"], "No such file or directory: 'none.nnet'"),
        (["info", "broken.nnet"], "broken.nnet, line 1: expected"),
        (["info", "broken.npz"], "broken.npz: expected a NumPy archive"),
        (["info", "broken.safetensors"], "broken.safetensors: expected a header of at most 0 bytes"),
        (["info", "broken.onnx", "--no-clip"], "a .nnet file with --no-normalize or --no-clip, got 'broken.onnx'"),
        (["convert", "net.npz", "net.keras"], "a file .safetensors or .npz to write to, got 'net.keras'"),
        (["convert", "net.npz", "./net.npz"], "does not overwrite its input, got './net.npz'"),
        (["convert", "net.npz", "none/a.npz"], "No such file or directory: 'none/a.npz'"),
        (["convert", "none.npz", "a.npz"], "No such file or directory: 'none.npz'"),
        (["convert", "broken.npz", "a.npz"], "broken.npz: expected a NumPy archive"),
        (["convert", "net.npz"], "required: OUT"),
        (["info", "--points", "0"], "at least one point, got 0"),
        (["info", "--dtype", "float32"], "expected NETWORK with --dtype"),
        (["derivative"], "invalid choice: 'derivative'"),
        (["--verbose"], "unrecognized arguments: --verbose"),
    ],
)
def test_wrong_arguments(arguments, message, fails):
    np.save("x.npy", POINTS)
    Path("link.npy").symlink_to("x.npy")
    Path("folder.npy").mkdir()
    Path("broken.nnet").write_text("broken\n")
    Path("broken.npz").write_text("broken\n")
    Path("broken.safetensors").write_text("broken\n")
    assert message in fails(*arguments)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_pipe_is_refused(fails):
    os.mkfifo("pipe.txt")
    writer = os.open("pipe.txt", os.O_RDWR)
    try:
        error = fails("jacobian", "net.npz", "pipe.txt", "-o", "J.npy")
        assert "expected points in a regular file" in error
    finally:
        os.close(writer)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("suffix", ["npy", "csv"])
def test_failure_on_the_way_leaves_old_result(monkeypatch, capsys, suffix):
    np.save("x.npy", POINTS)
    Path(f"J.{suffix}").write_text("old")
    for error, status in (
        (MemoryError("for a test"), 2),
        (OSError(28, "No space left on device"), 2),
        (KeyboardInterrupt(), 130),
    ):
        done = []

        @contextmanager
        def progress(n_points, error=error, done=done):
            def show(n):
                done.append(n)
                if len(done) == 3:
                    raise error

            yield show

        monkeypatch.setattr(jacobian_command, "progress", progress)
        assert main(["jacobian", "net.npz", "x.npy", "-o", f"J.{suffix}", "--value", "y.npy"]) == status
        assert done == [7, 14, 21]
        assert capsys.readouterr().err.count("\n") == 1
        assert sorted(os.listdir()) == sorted([f"J.{suffix}", "net.npz", "x.npy"])
        assert Path(f"J.{suffix}").read_text() == "old"


@pytest.mark.skipif(sys.platform != "linux", reason="limits of POSIX")
def test_full_disk(environment):
    """A result that does not fit is refused before any work, not a bus error in the middle."""
    np.save("x.npy", POINTS)
    script = (
        "import resource, sys; from fastjac._cli.main import main; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); sys.exit(main(sys.argv[1:]))"
    )
    for name in ("J.npy", "J.csv"):
        done = subprocess.run(
            [sys.executable, "-c", script, "jacobian", "net.npz", "x.npy", "-o", name],
            capture_output=True,
            text=True,
            env=environment,
        )
        assert done.returncode == 2
        assert re.fullmatch(r"fastjac: error: .*File too large.*\n", done.stderr)
        assert sorted(os.listdir()) == ["net.npz", "x.npy"]


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("number", "status", "said"),
    [(signal.SIGINT, 130, b"fastjac: interrupted\n"), (signal.SIGTERM, 128 + signal.SIGTERM, b"")],
)
def test_signal_leaves_no_half_file(number, status, said, python):
    np.save("x.npy", np.zeros((2_000_000, 3)))
    process = python("jacobian", "net.npz", "x.npy", "-o", "J.csv")
    deadline = time.monotonic() + 60
    while not any(name.startswith(".J.csv") for name in os.listdir()):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert err == said
    assert sorted(os.listdir()) == ["net.npz", "x.npy"]
