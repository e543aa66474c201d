"""Names on the command line: columns of text are taken by them, and tables of results are headed by them."""

import csv

import numpy as np
import pytest

import fastjac as fj
from fastjac._cli.main import main

IN, OUT = ["alcohol", "ash", "Säure, frei"], ["p", "total q"]
POINTS = np.array([[0.1, 0.02, -3.0], [0.5, -0.25, 1.0]])


@pytest.fixture(autouse=True)
def net():
    net = fj.load("net.npz").with_names(names_in=IN, names_out=OUT, units_in=["%", "g/l", "g/l"])
    net.save("named.safetensors", description="wine")
    return net


def write(path, header, points=POINTS, separator=","):
    with open(path, "w", encoding="utf-8") as file:
        file.write(header + "\n")
        for point in points:
            file.write(separator.join(map(str, point)) + "\n")


def jacobians(points, *options, network="named.safetensors"):
    assert main(["jacobian", network, points, "-o", "J.npy", *options]) == 0
    return np.load("J.npy")


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("header, columns, separator", [
    ('alcohol,ash,"Säure, frei"', [0, 1, 2], ","),
    ('ash , "Säure, frei", alcohol', [1, 2, 0], ","),
    ('"Säure, frei" "ash" alcohol', [2, 1, 0], " "),
    ('# ash,alcohol,"Säure, frei"', [1, 0, 2], ","),
    ('# a file of wines\n\n# alcohol ash "Säure, frei"', [0, 1, 2], " "),
    ('# a comment with alcohol, ash\n"Säure, frei",alcohol,ash', [2, 0, 1], ","),
    ('\ufeffash,alcohol,"Säure, frei"', [1, 0, 2], ","),
])
def test_columns_by_name(net, header, columns, separator):
    points = np.tile(POINTS, (20, 1))
    write("x.csv", header, points[:, columns], separator)
    np.testing.assert_allclose(jacobians("x.csv"), net.jacobian(points), rtol=1e-13)


def test_columns_beyond_those_of_the_network_may_be_text(net):
    with open("x.csv", "w", encoding="utf-8") as file:
        file.write(',ash,name,"Säure, frei",alcohol,alcohol (old)\n')
        for k, (alcohol, ash, acid) in enumerate(POINTS):
            file.write(f'{k},{ash},"Blanc, sec",{acid},{alcohol},\n')
    with open("x.csv", encoding="utf-8") as file:  # a comma at the end of a line closes the last field
        text = file.read().replace(",\n", ",0\n").replace("(old)\n", "(old)\n")
    with open("x.csv", "w", encoding="utf-8") as file:
        file.write(text)
    np.testing.assert_allclose(jacobians("x.csv"), net.jacobian(POINTS), rtol=1e-13)


def test_names_that_look_like_numbers(net):
    fj.Network([net], names_in=[1900, 1850, 2000]).save("years.safetensors")
    write("x.csv", "2000,1900,1850", POINTS[:, [2, 0, 1]])
    np.testing.assert_allclose(jacobians("x.csv", network="years.safetensors"), net.jacobian(POINTS), rtol=1e-13)


@pytest.mark.parametrize("header, message", [
    ("alcohol,ash,acid", "x.csv, line 1: expected each column of 'alcohol', 'ash', 'Säure, frei' once, got 'alcohol', "
                         "'ash', 'acid' (missing 'Säure, frei')"),
    ('ash,ash,"Säure, frei"', "(missing 'alcohol'; more than once 'ash')"),
    ('# wines\nalcohol,ash,"Säure frei"', "x.csv, line 2: expected each column"),
    ("alcohol", "line 1: expected each column of"),
    ('alcohol,ash,"Säure, frei', "line 1: expected each column of"),
])
def test_columns_that_are_not_there(fails, header, message):
    write("x.csv", header)
    assert message in fails("jacobian", "named.safetensors", "x.csv", "-o", "J.npy")


def test_lines_that_do_not_fit_the_header(fails):
    write("x.csv", 'alcohol,ash,"Säure, frei",other', POINTS)
    assert "x.csv, line 2: expected 4 numbers as before, got 3" in fails(
        "jacobian", "named.safetensors", "x.csv", "-o", "J.npy")
    write("x.csv", 'alcohol,ash,"Säure, frei"', [[1, "much", 2]])
    assert "x.csv, line 2: expected a number, got 'much'" in fails(
        "jacobian", "named.safetensors", "x.csv", "-o", "J.npy")
    write("x.csv", 'alcohol,ash,"Säure, frei"', [])
    assert "expected one point per line" in fails("jacobian", "named.safetensors", "x.csv", "-o", "J.npy")


@pytest.mark.parametrize("network, header", [("named.safetensors", None), ("net.npz", "ash,alcohol,x")])
def test_by_position_without_names_on_either_side(net, network, header):
    write("x.csv", "# points" if header is None else header)
    np.testing.assert_allclose(jacobians("x.csv", network=network), net.jacobian(POINTS), rtol=1e-13)


def test_results_are_headed_by_names(net):
    np.save("x.npy", POINTS)
    for suffix, separator, begin in (("csv", ",", ""), ("txt", " ", "# ")):
        assert main(["jacobian", "named.safetensors", "x.npy", "-o", f"J.{suffix}", "--value", f"y.{suffix}"]) == 0
        heads = []
        for name in "yJ":
            with open(f"{name}.{suffix}", encoding="utf-8") as file:
                heads.append(next(csv.reader([file.readline().removeprefix(begin).rstrip("\n")], delimiter=separator)))
        assert heads == [OUT, [f"d{y}/d{x}" for y in ("p", "(total q)") for x in ("alcohol", "ash", "(Säure, frei)")]]
    fj.Network([(np.eye(2),)], names_in=OUT[::-1]).save("next.safetensors")
    for path in ("y.csv", "y.txt"):  # values are the points of the next network, by name
        jacobians(path, "--value", "z.npy", network="next.safetensors")
        np.testing.assert_allclose(np.load("z.npy"), net(POINTS)[:, ::-1], rtol=1e-13)


def test_names_that_would_end_the_line(net):
    fj.Network([net], names_out=["p\nq", "r\r"]).save("broken.safetensors")
    np.save("x.npy", POINTS)
    assert main(["jacobian", "broken.safetensors", "x.npy", "-o", "J.csv", "--value", "y.txt"]) == 0
    with open("y.txt") as file:
        assert file.readline() == '# "p q" r\n'
    np.testing.assert_allclose(np.loadtxt("y.txt"), net(POINTS), rtol=1e-13)


@pytest.mark.parametrize("options, wrt, outputs, head", [
    (["--wrt", "ash"], [1], [0, 1], ["dp/dash", "d(total q)/dash"]),
    (["--wrt", '"Säure, frei",0', "--outputs", "total q"], [2, 0], [1], None),
    (["--wrt=-1,ash"], [2, 1], [0, 1], None),
    (["--outputs", "p"], [0, 1, 2], [0], ["dp/dalcohol", "dp/dash", "dp/d(Säure, frei)"]),
])
def test_some_inputs_and_outputs(net, options, wrt, outputs, head):
    np.save("x.npy", POINTS)
    expected = net.jacobian(POINTS)[:, outputs][:, :, wrt]
    np.testing.assert_allclose(jacobians("x.npy", *options, "--value", "y.npy"), expected, rtol=1e-12)
    np.testing.assert_allclose(np.load("y.npy"), net(POINTS)[:, outputs], rtol=1e-13)
    if head:
        assert main(["jacobian", "named.safetensors", "x.npy", "-o", "J.csv", *options]) == 0
        with open("J.csv", encoding="utf-8") as file:
            assert next(csv.reader(file)) == head


def test_columns_of_some_inputs_of_a_network_without_names():
    np.save("x.npy", POINTS)
    assert main(["jacobian", "net.npz", "x.npy", "-o", "J.csv", "--wrt", "2,0", "--outputs", "1"]) == 0
    with open("J.csv") as file:
        assert file.readline() == "dy_2/dx_3,dy_2/dx_1\n"


@pytest.mark.parametrize("network, options, message", [
    ("named.safetensors", ["--wrt", "Ash"], "--wrt: expected some of the names 'alcohol', 'ash', 'Säure"),
    ("net.npz", ["--outputs", "p"], "--outputs: expected numbers, as the network has no names, got 'p'"),
    ("net.npz", ["--wrt", "3"], "--wrt: expected indices from -3 to 2, got 3"),
    ("net.npz", ["--wrt", ""], "--wrt: expected at least one index, got none"),
])
def test_choices_that_are_not_there(fails, network, options, message):
    np.save("x.npy", POINTS)
    assert message in fails("jacobian", network, "x.npy", "-o", "J.npy", *options)


def test_info_begins_with_names(capsys):
    assert main(["info", "named.safetensors"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "names_in   alcohol, ash, Säure, frei", "units_in   %, g/l, g/l", "names_out  p, total q"]
    assert lines[4].startswith("Network 3-5-2")
    assert "description  wine" in lines
    assert sum("alcohol" in line for line in lines) == 1
    assert main(["info", "net.npz"]) == 0
    assert capsys.readouterr().out.startswith("Network 3-5-2")


def test_convert_keeps_names(net):
    assert main(["convert", "named.safetensors", "again.npz"]) == 0
    assert main(["convert", "again.npz", "again.safetensors"]) == 0
    again = fj.load("again.safetensors")
    assert (again.names_in, again.names_out, again.units_in) == (net.names_in, net.names_out, net.units_in)
