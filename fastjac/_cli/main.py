"""From the words of the command line to an exit status."""

import argparse
import os
import signal
import sys
import threading
from contextlib import contextmanager

import fastjac as fj
from fastjac._cli.errors import CommandError
from fastjac.formats.errors import ModelFormatError

EXIT_STATUS = """\
exit status:
  0    done; without a command: the Jacobian passed its check
  1    the check failed
  2    wrong arguments, or a file that cannot be read or written
  130  interrupted with Ctrl-C"""

POINTS_HELP = """\
NETWORK   .safetensors (of Network.save), .npz (arrays W1, b1, ..., activations), .nnet (text, as
          used for ACAS Xu), .keras or .h5 (of Keras; needs h5py), .onnx: see docs/files.md.
POINTS    text with one point per line, numbers separated by blanks or commas, empty lines and
          comments (#) ignored, a first line of names allowed: by these the columns are taken,
          in any order, if the network has names; or .npy with an array of shape (..., n_in); or
          .npz with one such array, or more and --key.
RESULTS   .npy: one array of shape (..., n_out, n_in), J[..., i, j] = dy_i/dx_j, or .txt or .csv:
          one line per point, row after row of J, under a line of names.

Points and results need not fit in memory. A result appears complete or not at all."""


class Parser(argparse.ArgumentParser):
    """Errors in one line, no guessing at shortened options."""

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message} (see --help)\n")


def integer(text):
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected an integer, got {text!r}") from None


def n_workers(text):
    n = integer(text)
    if n != -1 and n < 1:
        raise argparse.ArgumentTypeError(f"expected a number of threads, or -1 for all cores, got {n}")
    return n


def n_points(text):
    n = integer(text)
    if n < 1:
        raise argparse.ArgumentTypeError(f"expected at least one point, got {n}")
    return n


def parser():
    """The parser of everything; commands are imported when they run."""
    top = Parser(
        prog="python -m fastjac",
        epilog=EXIT_STATUS,
        description="Exact Jacobians of feed-forward neural networks.\n\n"
        "Without a command: evaluate the network that ships with fastjac, check its Jacobian\n"
        "against an independent computation and show the result.",
    )
    top.add_argument("--version", action="version", version=f"fastjac {fj.__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    jacobian = commands.add_parser(
        "jacobian",
        help="Jacobians of your network at your points, from files to files",
        description="Jacobians of a network at many points, from files to files.\n\n" + POINTS_HELP,
        epilog=EXIT_STATUS,
    )
    jacobian.add_argument("network", metavar="NETWORK", help="file of the network")
    jacobian.add_argument("points", metavar="POINTS", help="file of the points: .npy, .npz, or else text")
    jacobian.add_argument(
        "-o", "--output", required=True, metavar="RESULTS", help="Jacobians: .npy, .txt or .csv"
    )
    jacobian.add_argument("--value", metavar="FILE", help="write the values y as well: .npy, .txt or .csv")
    jacobian.add_argument("--key", metavar="NAME", help="which array of POINTS.npz")
    for option, what in (("--wrt", "inputs, the columns"), ("--outputs", "outputs, the rows")):
        jacobian.add_argument(
            option, metavar="LIST", help=f"{what} of J that are wanted: names or numbers from 0, separated by commas")
    jacobian.add_argument(
        "--workers",
        type=n_workers,
        default=1,
        metavar="N",
        help="threads, -1 for all cores (default: %(default)s)",
    )
    add_network_options(jacobian)

    info = commands.add_parser(
        "info",
        help="names, layers, plan and formula of a network",
        description="Names, layers, notes, plan of the computation and formula (LaTeX) of a network.",
        epilog=EXIT_STATUS,
    )
    info.add_argument(
        "network",
        metavar="NETWORK",
        nargs="?",
        help="file of the network (default: the one that ships with fastjac)",
    )
    info.add_argument(
        "--points",
        type=n_points,
        default=10_000,
        metavar="N",
        help="size of the batch that is planned beside one point (default: %(default)s)",
    )
    add_network_options(info)

    convert = commands.add_parser(
        "convert",
        help="a network from one format to another",
        description="A network from any format that is read to .safetensors or .npz, with its notes.\n\n"
        "IN is a file as NETWORK of the command jacobian; its network computes the same in OUT.\n"
        "OUT appears complete or not at all.",
        epilog=EXIT_STATUS,
    )
    convert.add_argument("network", metavar="IN", help="file of the network")
    convert.add_argument("output", metavar="OUT", help="file to write: .safetensors or .npz")
    add_network_options(convert)

    commands.add_parser(
        "config",
        help="version, build, SIMD level, BLAS, cores",
        description="Version, build, SIMD level, BLAS and cores: what this installation consists of\n"
        "and what it found on this machine.",
    )
    return top


def add_network_options(command):
    command.add_argument(
        "--dtype",
        choices=("float32", "float64"),
        help="precision of the computation and the results (default: that of the weights)",
    )
    command.add_argument(
        "--no-normalize",
        action="store_true",
        help=".nnet only: take normalised inputs, give outputs that are not scaled back",
    )
    command.add_argument(
        "--no-clip", action="store_true", help=".nnet only: do not clip inputs to the bounds in the file"
    )


def run(arguments):
    """Run one command; returns the exit status."""
    if arguments.command is None:
        from fastjac._cli.demo import demo

        return demo()
    if arguments.command == "jacobian":
        from fastjac._cli.jacobian import jacobian

        return jacobian(arguments)
    if arguments.command == "convert":
        from fastjac._cli.convert import convert

        return convert(arguments)
    if arguments.command == "info":
        from fastjac._cli.info import info

        return info(arguments)
    fj.show_config()
    return 0


def main(argv=None):
    """Exit status of `python -m fastjac` with the arguments `argv` (default: those of the process)."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal without the letters of mathematics shows ?
    arguments = parser().parse_args(argv)
    try:
        with termination_as_exit():
            status = run(arguments)
            sys.stdout.flush()
            return status
    except KeyboardInterrupt:
        print("fastjac: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe has gone (head): nothing is wrong, nothing more to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        message = f"{error.strerror}: {error.filename!r}" if error.filename is not None else str(error)
    except MemoryError as error:
        message = f"not enough memory: {error}"
    except (CommandError, ModelFormatError) as error:
        message = str(error)
    print("fastjac: error:", " ".join(message.split()), file=sys.stderr)
    return 2


@contextmanager
def termination_as_exit():
    """Within the block SIGTERM raises SystemExit, so that a job that is cancelled tidies up, too."""
    if threading.current_thread() is not threading.main_thread():  # only there can handlers be set
        yield
        return
    previous = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
