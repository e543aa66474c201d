"""`python -m fastjac jacobian`: from a file of points to a file of Jacobians."""

from contextlib import ExitStack

from fastjac._cli.choices import chosen_part, names_of_jacobian, names_of_values
from fastjac._cli.errors import CommandError
from fastjac._cli.networks import load_file, same_file
from fastjac._cli.points import open_points
from fastjac._cli.progress import progress
from fastjac._cli.results import check_suffix, open_result

# Bytes of points and results that are worked on at a time: large enough for the overhead of a
# call and for workers, small beside any memory.
TILE_NBYTES = 16 * 2**20


def jacobian(arguments):
    outputs = [path for path in (arguments.output, arguments.value) if path is not None]
    for path in outputs:
        check_suffix(path)
        for source in (arguments.network, arguments.points):
            if same_file(path, source):
                raise CommandError(f"expected a result that does not overwrite its input, got {path!r}")
    if arguments.value is not None and same_file(*outputs):
        raise CommandError(f"expected two files for Jacobians and values, got {arguments.value!r} for both")
    net, _ = load_file(arguments)
    part = chosen_part(net, arguments.wrt, arguments.outputs)
    points = open_points(arguments.points, arguments.key, net.names_in)
    if points.n_in != net.n_in:
        raise CommandError(
            f"{arguments.points}: expected points with {net.n_in} inputs as the network has, "
            f"got {points.n_in}"
        )
    with ExitStack() as stack:

        def create(path, shape, names):
            return stack.enter_context(open_result(path, points.batch_shape, shape, net.dtype, names))

        J = create(arguments.output, (part.n_out, part.n_wrt), names_of_jacobian(part))
        y = create(arguments.value, (part.n_out,), names_of_values(part)) if arguments.value is not None else None
        show = stack.enter_context(progress(points.n_points))
        fill(part, points, y, J, arguments.workers, show)
    return 0


def fill(part, points, y, J, workers, show):
    """Evaluate tile by tile; `y` may be None."""
    n_tile = max(1, TILE_NBYTES // (part.dtype.itemsize * (part.n_in + part.n_out + part.n_out * part.n_wrt)))
    n_done = 0
    for x in points.tiles(n_tile):
        if y is None:
            part.jacobian(x, out=J.rows(len(x)), workers=workers)
        else:
            part.value_and_jacobian(x, out=(y.rows(len(x)), J.rows(len(x))), workers=workers)
            y.done()
        J.done()
        n_done += len(x)
        show(n_done)
