"""`python -m fastjac jacobian`: points and results in every form."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastjac as fj
from fastjac._cli.main import main
from fastjac.formats import save_npz

POINTS = np.random.default_rng(0).normal(size=(57, 3))


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize(
    "form", ["npy", "npz", "npz compressed", "txt", "csv", "fortran", "float32", "big-endian"]
)
def test_points_in_every_form(form, expected):
    x, path = POINTS, "x.npy"
    if form == "npy":
        np.save(path, x)
    elif form.startswith("npz"):
        path = "x.npz"
        (np.savez_compressed if "compressed" in form else np.savez)(path, x=x)
    elif form in ("txt", "csv"):
        path = f"x.{form}"
        np.savetxt(path, x, delimiter="," if form == "csv" else " ", fmt="%.17g")
    else:
        x = (
            np.asfortranarray(x)
            if form == "fortran"
            else x.astype({"float32": "f4", "big-endian": ">f8"}[form])
        )
        np.save(path, x)
    assert main(["jacobian", "net.npz", path, "-o", "J.npy", "--value", "y.npy"]) == 0
    y, J = expected(x)
    np.testing.assert_allclose(np.load("y.npy"), y, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(np.load("J.npy"), J, rtol=1e-13, atol=1e-15)
    assert sorted(os.listdir()) == sorted(["net.npz", path, "J.npy", "y.npy"])


@pytest.mark.parametrize("shape", [(3,), (0, 3), (1, 3), (4, 5, 3)])
def test_leading_dimensions_are_kept(shape, expected):
    x = np.random.default_rng(2).normal(size=shape)
    np.save("x.npy", x)
    assert main(["jacobian", "net.npz", "x.npy", "-o", "J.npy"]) == 0
    J = np.load("J.npy")
    assert J.shape == (*shape[:-1], 2, 3)
    np.testing.assert_allclose(J, expected(x)[1], rtol=1e-13, atol=1e-15)


def test_integers(expected):
    np.save("x.npy", np.arange(12).reshape(4, 3))
    assert main(["jacobian", "net.npz", "x.npy", "-o", "J.npy"]) == 0
    np.testing.assert_allclose(np.load("J.npy"), expected(np.arange(12.0).reshape(4, 3))[1], rtol=1e-13)


@pytest.mark.parametrize("workers", ["1", "2", "-1"])
def test_workers_and_dtype(workers, expected):
    np.save("x.npy", POINTS)
    assert (
        main(["jacobian", "net.npz", "x.npy", "-o", "J.npy", "--workers", workers, "--dtype", "float32"]) == 0
    )
    J = np.load("J.npy")
    assert J.dtype == np.float32
    np.testing.assert_allclose(J, expected(POINTS)[1], rtol=1e-4, atol=1e-5)


def test_one_of_several_arrays(fails):
    np.savez("x.npz", first=POINTS, second=POINTS[:5])
    assert main(["jacobian", "net.npz", "x.npz", "-o", "J.npy", "--key", "second"]) == 0
    assert np.load("J.npy").shape == (5, 2, 3)
    assert "expected one array, or --key with one of first, second" in fails(
        "jacobian", "net.npz", "x.npz", "-o", "K.npy"
    )
    assert "--key with one of first, second, got 'third'" in fails(
        "jacobian", "net.npz", "x.npz", "-o", "K.npy", "--key", "third"
    )


@pytest.mark.parametrize(
    "text",
    [
        "1 2 3\n4 5 6\n",
        "1,2,3\n4,5,6",
        "# points\n\nx y z\n1\t2  3\n  # between\n4 5 6 # behind\n\n",
        "angle [rad], velocity [m/s], T [K]\n1.0, 2.0, 3e0,\n4, 5, 6,\n",
        "\ufeffx,y,z\r\n1,2,3\r\n4,5,6\r\n",
    ],
)
def test_text(text, expected):
    Path("x.txt").write_bytes(text.encode())
    assert main(["jacobian", "net.npz", "x.txt", "-o", "J.npy"]) == 0
    np.testing.assert_allclose(np.load("J.npy"), expected(np.array([[1.0, 2, 3], [4, 5, 6]]))[1], rtol=1e-13)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize(
    ("suffix", "head", "options"),
    [
        (
            "csv",
            "dy_1/dx_1,dy_1/dx_2,dy_1/dx_3,dy_2/dx_1,dy_2/dx_2,dy_2/dx_3",
            {"delimiter": ",", "skiprows": 1},
        ),
        ("txt", "# dy_1/dx_1 dy_1/dx_2 dy_1/dx_3 dy_2/dx_1 dy_2/dx_2 dy_2/dx_3", {}),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_as_text(suffix, head, options, dtype):
    np.save("x.npy", POINTS)
    arguments = ["jacobian", "net.npz", "x.npy", "--dtype", dtype]
    assert main([*arguments, "-o", f"J.{suffix}", "--value", f"y.{suffix}"]) == 0
    assert main([*arguments, "-o", "J.npy", "--value", "y.npy"]) == 0
    with open(f"J.{suffix}") as file:
        assert file.readline() == head + "\n"
    for name in "yJ":
        text = np.loadtxt(f"{name}.{suffix}", dtype=dtype, **options)
        np.testing.assert_array_equal(text, np.load(f"{name}.npy").reshape(57, -1))


def test_text_of_results_is_text_of_points(expected):
    """A result can be the points of the next command, header and all."""
    save_npz(fj.Network([(np.eye(6), None, "identity")]), "six.npz")
    np.save("x.npy", POINTS)
    assert main(["jacobian", "net.npz", "x.npy", "-o", "J.csv"]) == 0
    assert main(["jacobian", "six.npz", "J.csv", "-o", "K.npy", "--value", "y.npy"]) == 0
    np.testing.assert_allclose(np.load("y.npy"), expected(POINTS)[1].reshape(57, 6), rtol=1e-14)


def test_nnet_options(fails):
    Path("line.nnet").write_text("1,1,1,1,\n1,1,\n0,\n-1,\n1,\n0.5,10,\n4,2,\n3,\n1,\n")
    Path("x.txt").write_text("0.5\n2\n")
    for options, y, J in [
        ([], [11 + 1, 10 + 0.75 + 2], [1.5, 0]),
        (["--no-clip"], [12, 14.25], [1.5, 1.5]),
        (["--no-normalize", "--no-clip"], [2.5, 7], [3, 3]),
    ]:
        assert main(["jacobian", "line.nnet", "x.txt", "-o", "J.npy", "--value", "y.npy", *options]) == 0
        np.testing.assert_allclose(np.load("y.npy").ravel(), y)
        np.testing.assert_allclose(np.load("J.npy").ravel(), J)
    for option in ("--no-clip", "--no-normalize"):
        assert "expected a .nnet file" in fails("jacobian", "net.npz", "x.txt", "-o", "K.npy", option)


def test_existing_result_is_replaced():
    np.save("x.npy", POINTS)
    Path("J.npy").write_text("old")
    assert main(["jacobian", "net.npz", "x.npy", "-o", "J.npy"]) == 0
    assert np.load("J.npy").shape == (57, 2, 3)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_points(expected, environment):
    """Private memory, that is: pages of the mapped files belong to the system, which can drop them."""
    script = """if True:
        import re, resource
        from fastjac._cli.main import main
        assert main(["jacobian", "net.npz", "few.npy", "-o", "J.npy"]) == 0
        now = 1024 * int(re.search(r"VmData:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
        resource.setrlimit(resource.RLIMIT_DATA, (now + 60 * 2**20, now + 60 * 2**20))
        assert main(["jacobian", "net.npz", "many.npy", "-o", "J.npy"]) == 0
    """
    n_points = 3_000_000  # 72 MB, and 144 MB of Jacobians
    np.save("few.npy", POINTS)
    many = np.lib.format.open_memmap("many.npy", mode="w+", dtype=np.float64, shape=(n_points, 3))
    many[-1] = POINTS[0]
    del many
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
    J = np.load("J.npy", mmap_mode="r")
    assert J.shape == (n_points, 2, 3)
    np.testing.assert_allclose(J[-1], expected(POINTS[0])[1], rtol=1e-13)
