"""What the simulations have in common when they are run."""

import argparse
from pathlib import Path


def main(doc, net, draw, report):
    """`draw(net, path)` if a picture is asked for, else `report(net, with_others)`; doc is the script's docstring."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw it")
    parser.add_argument("--others", action="store_true", help="time other programs as well")
    arguments = parser.parse_args()
    if arguments.picture:
        draw(net, arguments.picture)
    else:
        report(net, arguments.others)
