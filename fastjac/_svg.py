"""Marks of an SVG picture: mathematics as text, labels, arrows, and the document around them.

The picture carries its own background, so that it is legible on light and on dark pages, and follows the
reader's colour scheme where the viewer tells it.  Nothing has an id, since several pictures may share a
page.  Text widths are estimates for the widest font named: a file cannot know which one it will get.
"""

import re
from html import escape

_STYLE = """\
.fj text{font-family:'STIX Two Text','STIX Two Math',Cambria,'Times New Roman',Times,'DejaVu Serif',serif}
.fj .fj-sans{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,'DejaVu Sans',sans-serif}
.fj-card{fill:#ffffff;stroke:#e1e5ea}
.fj-ink{fill:#1c2530}
.fj-muted{fill:#65717e}
.fj-line{stroke:#7b8794;fill:none}
.fj-thin{stroke:#b8c1cb;fill:none}
.fj-affine{fill:#e8f0f9;stroke:#34699f}
.fj-curve{fill:#fbf0dc;stroke:#a8741a}
.fj-plain{fill:#f4f5f7;stroke:#a3adb8}
.fj-factor{fill:#f6f7f9;stroke:#d5dae0}
.fj-pos{stroke:#1f6fb4}
.fj-neg{stroke:#d2571a}
.fj-zero{stroke:#7b8794;stroke-dasharray:1 4}
@media (prefers-color-scheme:dark){
.fj-card{fill:#15191e;stroke:#2c333b}
.fj-ink{fill:#e8ebef}
.fj-muted{fill:#9aa6b2}
.fj-line{stroke:#8592a0}
.fj-thin{stroke:#49535e}
.fj-affine{fill:#1b2b3c;stroke:#7db2e6}
.fj-curve{fill:#33280f;stroke:#dcae5c}
.fj-plain{fill:#22272d;stroke:#6b7783}
.fj-factor{fill:#1d2228;stroke:#38414a}
.fj-pos{stroke:#62aef0}
.fj-neg{stroke:#f58a4f}
.fj-zero{stroke:#8592a0}
}"""

DOTS = "·\u2009·\u2009·"  # not U+22EF, which few text fonts have

_RUN = re.compile(r"[_^]\{[^}]*\}|(?:(?![_^]\{).)+")
_WORD = re.compile(r"[A-Za-zφ]+|[^A-Za-zφ]+")
_RISE = {"_": 0.25, "^": -0.38, "": 0.0}  # of the baseline, downwards, in units of the font size
_SMALL = 0.7


def math(x, y, markup, size, cls="fj-ink"):
    """A text element of ``markup``: ``_{..}`` and ``^{..}`` as in TeX, lone letters italic, words upright.

    A superscript that follows a subscript stands above it.
    """
    spans, height, subscript, ahead = [], 0.0, "", 0.0
    for run in _RUN.findall(markup):
        mark = run[0] if run.endswith("}") else ""
        content = run[2:-1] if mark else run
        baseline = _RISE[mark] * size
        digit = 0.5 * _SMALL * size
        stacked = len(subscript) if mark == "^" else 0
        move = ahead - digit * stacked
        for word in _WORD.findall(content):
            attributes = f' dy="{baseline - height:.1f}"' if baseline != height else ""
            attributes += f' dx="{move:.1f}"' if move else ""
            attributes += f' font-size="{_SMALL * size:.1f}"' if mark else ""
            attributes += ' font-style="italic"' if len(word) == 1 and word.isalpha() else ""
            spans.append(f"<tspan{attributes}>{escape(word)}</tspan>")
            height, move = baseline, 0.0
        ahead = digit * max(stacked - 1, 0)
        subscript = content if mark == "_" else ""
    # Some renderers drop the spaces around "=" at the ends of a tspan unless they are preserved.
    return (
        f'<text class="{cls}" x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="middle" '
        f'xml:space="preserve">{"".join(spans)}</text>'
    )


def math_width(markup, size):
    """Width of ``markup`` in the widest font, estimated."""
    runs = _RUN.findall(markup)
    return size * sum(0.6 * _SMALL * (len(r) - 3) if r.endswith("}") else 0.62 * len(r) for r in runs)


def label(x, y, text, size=11.5, anchor="middle", cls="fj-muted"):
    """Plain text, upright and sans serif."""
    return (
        f'<text class="fj-sans {cls}" x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def rect(cls, x, y, width, height, rx):
    size = f'width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{cls}" x="{x:.1f}" y="{y:.1f}" {size} rx="{rx:.1f}"/>'


def path(cls, d, **attributes):
    """A path; ``stroke_width=2`` becomes ``stroke-width="2"``."""
    more = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<path class="{cls}" d="{d}" stroke-linecap="round" stroke-linejoin="round"{more}/>'


def arrow(x0, x1, y, cls="fj-line"):
    """A horizontal arrow from x0 to x1, in either direction; no marker, which would need an id."""
    back = 5 if x1 > x0 else -5
    head = f"M{x1 - back:.1f} {y - 3.6:.1f}L{x1:.1f} {y:.1f}L{x1 - back:.1f} {y + 3.6:.1f}"
    return path(cls, f"M{x0:.1f} {y:.1f}H{x1:.1f}{head}", stroke_width=1.3)


def group(title, marks):
    """The marks of one layer; the title is the viewer's tooltip."""
    return ['<g class="fj-layer">', f"<title>{escape(title)}</title>", *marks, "</g>"]


def document(width, height, title, description, marks):
    """The SVG document; title and description are for those who do not see the picture."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="fj" role="img" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(description)}</desc>",
        f"<style>\n{_STYLE}\n</style>",
        rect("fj-card", 0.5, 0.5, width - 1, height - 1, 8),
        *marks,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
