"""`python -m fastjac info`: what a network is and how its Jacobian will be computed."""

from fastjac._cli.errors import CommandError
from fastjac._cli.networks import bundled, load_file
from fastjac._names import KINDS


def info(arguments):
    if arguments.network is not None:
        net, notes = load_file(arguments)
    elif arguments.dtype or arguments.no_normalize or arguments.no_clip:
        raise CommandError("expected NETWORK with --dtype, --no-normalize or --no-clip, got none")
    else:
        net, notes = bundled()
    print_names(net)
    print(net)
    notes = {name: note for name, note in notes.items() if name not in KINDS}
    if notes:
        print()
        width = max(map(len, notes))
        for name, note in notes.items():
            print(f"{name:<{width}}  {note if isinstance(note, str) else ', '.join(note)}")
    print(f"\nPlan, one point\n{net.plan()}")
    if arguments.points > 1:
        print(f"\nPlan, {arguments.points} points\n{net.plan(arguments.points)}")
    print(f"\nFormula (LaTeX)\n{net.formula()}")
    return 0


def print_names(net):
    """What goes in and what comes out, and in which units, as far as the network says it."""
    known = {kind: getattr(net, kind) for kind in ("names_in", "units_in", "names_out", "units_out")}
    known = {kind: texts for kind, texts in known.items() if texts is not None}
    width = max(map(len, known), default=0)
    for kind, texts in known.items():
        print(f"{kind:<{width}}  {', '.join(map(str, texts))}")
    if known:
        print()
