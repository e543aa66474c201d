"""A network as one C99 file and its header: weights, the planned order and nothing else.

The text is made of functions out of templates (`templates`), of tables of weights and products of one shape each
(`tables`), and of the steps of the plan as calls with constant sizes (`body`).
"""

import os

from fastjac._replacing import replacing
from fastjac._version import __version__
from fastjac.export import casadi, fortran
from fastjac.export.body import Body
from fastjac.export.model import Model
from fastjac.export.names import as_functions, check_name, check_path
from fastjac.export.tables import function_head
from fastjac.export.templates import read

# Terms that are summed in a row, as in fastjac/kernels/panels.pxi.
PIECES = {"double": 128, "float": 64}


def export_c(net, path, name, functions):
    """Write the C file at `path` and beside it the header and the Fortran module; see `Network.export_c`."""
    path, functions = check_path(path), as_functions(functions)
    check_name(name)
    model = Model(net, name, functions, os.path.splitext(os.path.basename(path))[0])
    stem = os.path.splitext(path)[0]
    texts = {
        f"{stem}.h": header(model),
        f"{stem}.f90": fortran.module(model, SIGNATURES, public_names(model)),
        path: source(model),
    }
    for target, text in texts.items():
        with replacing(target) as part, open(part, "w", encoding="ascii", newline="\n") as file:
            file.write(text)


# ---------------------------------------------------------------- the functions for callers

# Name -> (arguments, results, what it does); {J} and its relatives are filled in for each network.
SIGNATURES = {
    "value": (["x"], ["y"], "y = F(x)."),
    "jacobian": (["x"], ["J"], "J of F at x, row-major: J[i*{n_wrt} + j] is the derivative of y[i] by {column}."),
    "jacobian_strided": (
        ["x"], ["J", "row_stride", "column_stride"],
        "The same with J[i*row_stride + j*column_stride]; (1, {n_out}) is column-major."),
    "value_and_jacobian": (["x"], ["y", "J"], "y = F(x) and its J, row-major, in one pass."),
    "value_and_jacobian_strided": (
        ["x"], ["y", "J", "row_stride", "column_stride"], "The same with J[i*row_stride + j*column_stride]."),
    "jvp": (["x", "v"], ["u"], "u = J v, without J."),
    "vjp": (["x", "w"], ["g"], "g = w^T J, without J."),
}


def public_names(model):
    """The functions of the header."""
    names = []
    for name in model.functions:
        names += [name, f"{name}_strided"] if "jacobian" in name else [name]
    return names


def head(model, function):
    inputs, outputs, _ = SIGNATURES[function]
    arguments = [f"const {model.real} *{name}" for name in inputs]
    arguments += [f"ptrdiff_t {name}" if "stride" in name else f"{model.real} *{name}" for name in outputs]
    return function_head(f"void {model.name}_{function}", [*arguments, f"{model.real} *work"])


def definition(model, body, function):
    """A function of the header."""
    name, upper, kind = model.name, model.upper, function.removesuffix("_strided")
    last = model.row(model.n_layers - 1)

    def copied(n, source, out):
        return f"    memcpy({out}, {source}, {n} * sizeof *{out});"

    lines = [f"    {name}_forward(x, work);"]
    if kind in ("value", "value_and_jacobian"):
        lines.append(body.gather(last, "y") if model.outputs is not None else copied(model.n_out, last, "y"))
    if kind in ("jacobian", "value_and_jacobian"):
        n_rows, n_cols = (model.n_wrt, model.n_out) if model.result_is_transposed else (model.n_out, model.n_wrt)
        strides = ["row_stride", "column_stride"] if "strided" in function else [f"{upper}_N_WRT", "1"]
        if model.result_is_transposed:
            strides.reverse()
        lines.append(f"    {name}_chain(work);")
        lines.append(body.call("deliver", n_rows, n_cols, model.padded(n_cols), model.at("RESULT"), "J", *strides))
    if kind == "jvp":
        lines += [f"    {name}_push(v, work);", copied(model.n_out, model.row(len(model.plan.widths) - 2), "u")]
    if kind == "vjp":
        lines += [f"    {name}_pull(w, work);", copied(model.n_wrt, model.row(1), "g")]
    return "\n".join([head(model, function), "{", *lines, "}"]) + "\n"


def shortened(text, limit=88):
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[-limit // 2 :]}"


def description(model):
    """What the network is, as lines of a comment."""
    parts = [str(model.n_in)] + [f"{layer.n_out} {layer.activation}" for layer in model.layers]
    n_value = sum(layer.W.size for layer in model.layers)
    plan = model.plan
    selected = [
        f"selected {name}: {shortened(', '.join(map(str, indices)))}"
        for name, indices in (("inputs", model.wrt), ("outputs", model.outputs)) if indices is not None
    ]
    return [
        shortened(" - ".join(parts)) + f", {model.real}",
        *selected,
        f"J = {shortened(plan.bracketing)} with A_k = D_k W_k^T",
        f"multiply-adds: {n_value:,} for the value, {plan.multiply_adds:,} more for J",
    ]


def source(model):
    """The C file."""
    body = Body(model)
    runs = [body.forward()]
    if model.wants_jacobian:
        runs.append(body.chain())
    if "jvp" in model.functions:
        runs.append(body.push())
    if "vjp" in model.functions:
        runs.append(body.pull())
    public = [definition(model, body, function) for function in public_names(model)]
    for_casadi = casadi.symbols(model)
    in_products = {"list_active", "deliver", "scale", "scale_rows", "scale_columns", "gather", "subtract"}
    matrix = [model.write.closure({"multiply"}), model.write.closure(body.templates & in_products)]
    offsets = ",\n".join(f"    {model.upper}_{place} = {offset}" for place, offset in model.offsets.items())
    comment = "\n".join(f" *   {line}" for line in description(model))
    return "\n".join([
        f"/* {model.name}: a feed-forward network with its exact Jacobian; written by fastjac {__version__}.\n *\n"
        f"{comment}\n *\n"
        f" * Compile with   cc -std=c99 -O3 -march=native -c {model.source}   and link with -lm; {model.header} says\n"
        " * how to call it. No heap, no variables that outlive a call, no locks: any number of threads may call.\n */",
        model.write(read("fastjac.export", "prelude.h")),
        f'#include "{model.header}"\n',
        f"/* Terms that are summed in a row. */\n#define {model.upper}_PIECE {PIECES[model.real]}\n",
        "/* Where things are in the workspace: derivatives, rows of values, blocks of the chain. */\n"
        f"enum {{\n{offsets}\n}};\n",
        rule("Weights"),
        *body.tables.texts.values(),
        rule("Activations"),
        model.write.closure(body.templates - in_products),
        *body.activations.values(),
        rule("Products"),
        FUSED_FROM_HERE,
        *matrix,
        *body.products.texts.values(),
        FUSED_UP_TO_HERE,
        rule("The network"),
        *runs,
        *public,
        *([rule("Symbols for CasADi's external"), for_casadi] if for_casadi else []),
    ])


FUSED_FROM_HERE = """/* In sums of products, a*b + c may be fused. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT ON
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")
#endif
"""

FUSED_UP_TO_HERE = """#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
"""


def rule(title):
    return f"/* {'-' * 64} {title} */\n"


def header(model):
    """The header."""
    upper = model.upper
    sizes = {"n_wrt": model.n_wrt, "n_out": model.n_out,
             "column": "x[j]" if model.wrt is None else "the j-th selected input"}
    comment = "\n".join(f" *   {line}" for line in description(model))
    about = {
        "x": f"{model.n_in} inputs", "v": f"{model.n_wrt} numbers", "w": f"{model.n_out} numbers",
        "y": f"{model.n_out} outputs", "J": f"{model.n_out} x {model.n_wrt} numbers",
        "u": f"{model.n_out} numbers", "g": f"{model.n_wrt} numbers",
        "row_stride": "numbers from J[i, j] to J[i + 1, j]", "column_stride": "numbers from J[i, j] to J[i, j + 1]",
    }
    functions = []
    for function in public_names(model):
        inputs, outputs, text = SIGNATURES[function]
        lines = [f"/** {text.format(**sizes)}", " *"]
        for argument in (*inputs, *outputs):
            direction = "in" if argument in inputs or "stride" in argument else "out"
            lines.append(f" * @param[{direction}] {argument}  {about[argument]}")
        lines += [f" * @param work  {upper}_N_WORK numbers, overwritten", " */", head(model, function) + ";", ""]
        functions.append("\n".join(lines))
    return "\n".join([
        f"/** @file\n * {model.name}: a feed-forward network with its exact Jacobian; written by fastjac {__version__}."
        f"\n *\n{comment}\n *\n"
        f" * The caller owns all memory. `work` is scratch for one call at a time: {upper}_N_WORK numbers, a local or\n"
        " * static array or one from the heap, best at an address that is a multiple of 64. Results must not overlap\n"
        " * inputs or `work`. NaN and infinities go through as IEEE 754 says; no function can fail.\n */",
        f"#ifndef {upper}_H\n#define {upper}_H\n",
        "#include <stddef.h>\n",
        "/** Inputs. */",
        f"#define {upper}_N_IN {model.n_in}",
        "/** Inputs by which J is: its columns. */",
        f"#define {upper}_N_WRT {model.n_wrt}",
        "/** Outputs. */",
        f"#define {upper}_N_OUT {model.n_out}",
        "/** Numbers in the workspace. */",
        f"#define {upper}_N_WORK {model.n_work}\n",
        '#ifdef __cplusplus\nextern "C" {\n#endif\n',
        *functions,
        "#ifdef __cplusplus\n}\n#endif\n",
        "#endif",
    ]) + "\n"
