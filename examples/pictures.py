"""Pictures of the examples: SVG by matplotlib (pip install "fastjac[examples]"), the same bytes each time."""

import matplotlib

BLUE, RED, GREEN, ORANGE, GREY = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#777777"
STYLE = {
    "svg.hashsalt": "fastjac",  # otherwise the names of clipping paths are random
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "path.simplify_threshold": 0.5,
}


def figure(width, height, *grid, **options):
    """A figure of width x height inches with a grid of axes, drawn without a screen."""
    matplotlib.use("svg")
    matplotlib.rcParams.update(STYLE)
    from matplotlib import pyplot

    return pyplot.subplots(*grid, figsize=(width, height), layout="constrained", **options)


def save(picture, path):
    """Write it, without a date."""
    picture.savefig(path, format="svg", metadata={"Date": None})
