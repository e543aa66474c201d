"""The symbols that CasADi's `external` looks for: NAME, jac_NAME, fwd1_NAME and adj1_NAME.

CasADi's matrices are dense here and column-major; a missing argument stands for zeros, a missing result is
not wanted. CasADi computes in double: a network of floats is converted at the border, in the workspace.
"""

# Function of the network -> symbol, names of inputs and outputs; {n} is the network's name.
SYMBOLS = {
    "value": ("{n}", ["i0"], ["o0"]),
    "jacobian": ("jac_{n}", ["i0", "out_o0"], ["jac_o0_i0"]),
    "jvp": ("fwd1_{n}", ["i0", "out_o0", "fwd_i0"], ["fwd_o0"]),
    "vjp": ("adj1_{n}", ["i0", "out_o0", "adj_o0"], ["adj_i0"]),
}
# The argument of the function of the network beside x, by its place among CasADi's.
SEED = {"jvp": 2, "vjp": 2}


def symbols(model):
    """The text, empty if the value is not among the functions: CasADi cannot do without it.

    Where only some inputs are selected, the value stands alone: CasADi wants derivatives by all.
    """
    functions = model.functions if model.wrt is None else ("value",)
    if "value" not in model.functions:
        return ""
    texts = [PRELUDE.format(up=model.upper)]
    shapes = {"x": (model.n_in, 1), "y": (model.n_out, 1)}
    if "jacobian" in functions:
        shapes["J"] = model.n_out, model.n_in
    for key, shape in shapes.items():
        texts.append(f"static const long long int {model.name}_sparsity_{key}[3] = {{{shape[0]}, {shape[1]}, 1}};")
    most = max(model.n_in, model.n_out)
    texts.append(f"static const {model.real} {model.name}_zeros[{most}] = {{0}};\n")
    if model.real == "float":
        texts.append(CONVERSIONS.format(n=model.name))
    for function, names in SYMBOLS.items():
        if function in functions:
            texts.append(_symbol(model, function, *names))
    return "\n".join(texts)


def _symbol(model, function, symbol, inputs, outputs):
    symbol = symbol.format(n=model.name)
    is_f64 = model.real == "double"
    places = {"i0": "x", "fwd_i0": "x", "adj_i0": "x", "jac_o0_i0": "J"}
    lengths = {"x": model.n_in, "y": model.n_out, "J": model.n_in * model.n_out}
    in_places = [places.get(name, "y") for name in inputs]
    out_place = places.get(outputs[0], "y")
    seeded = [0, *([SEED[function]] if function in SEED else [])]
    n_floats = model.n_work + sum(lengths[in_places[i]] for i in seeded) + lengths[out_place]
    n_w = model.n_work if is_f64 else (n_floats + 1) // 2
    name = model.name + "_" + function
    lines = []
    if is_f64:
        arguments = [f"arg[{i}] != NULL ? arg[{i}] : {model.name}_zeros" for i in seeded]
        call = _call(model, function, name, arguments, "res[0]", "w")
    else:
        lines.append("        float *const work = (float *)(void *)w;")
        end, arguments = f"work + {model.upper}_N_WORK", []
        for i in seeded:
            n = lengths[in_places[i]]
            variable = ("x", "seed")[i > 0]
            lines.append(f"        float *const {variable} = {end};")
            end, arguments = f"{variable} + {n}", [*arguments, variable]
        lines.append(f"        float *const out = {end};")
        for i, variable in zip(seeded, arguments):
            lines.append(f"        {model.name}_to_float({lengths[in_places[i]]}, arg[{i}], {variable});")
        call = _call(model, function, name, arguments, "out", "work")
    lines += call
    if not is_f64:
        lines.append(f"        {model.name}_to_double({lengths[out_place]}, out, res[0]);")
    return DEFINITION.format(
        s=symbol, up=model.upper, n=model.name, body="\n".join(lines), n_in=len(inputs), n_out=len(outputs), n_w=n_w,
        names_in=_choice([f'"{name}"' for name in inputs]), names_out=_choice([f'"{name}"' for name in outputs]),
        sparsities_in=_choice([f"{model.name}_sparsity_{place}" for place in in_places]),
        sparsities_out=_choice([f"{model.name}_sparsity_{out_place}"]))


def _call(model, function, name, arguments, out, work):
    joined = ", ".join(arguments)
    if function != "jacobian":
        return [f"        {name}({joined}, {out}, {work});"]
    return [f"        {model.name}_jacobian_strided({joined}, {out}, 1, {model.upper}_N_OUT, {work});"]


def _choice(values):
    """An expression in i."""
    text = "NULL"
    for i in range(len(values) - 1, -1, -1):
        text = f"i == {i} ? {values[i]} : {text}"
    return text


PRELUDE = """#if defined(_WIN32)
#define {up}_EXPORT __declspec(dllexport)
#else
#define {up}_EXPORT
#endif
"""

CONVERSIONS = """static void {n}_to_float(int n, const double *from, float *to)
{{
    for (int i = 0; i < n; i++) {{
        to[i] = from != NULL ? (float)from[i] : {n}_zeros[0];
    }}
}}

static void {n}_to_double(int n, const float *from, double *to)
{{
    for (int i = 0; i < n; i++) {{
        to[i] = from[i];
    }}
}}
"""

DEFINITION = """{up}_EXPORT int {s}(const double **arg, double **res, long long int *iw, double *w, int mem);
{up}_EXPORT long long int {s}_n_in(void);
{up}_EXPORT long long int {s}_n_out(void);
{up}_EXPORT const char *{s}_name_in(long long int i);
{up}_EXPORT const char *{s}_name_out(long long int i);
{up}_EXPORT const long long int *{s}_sparsity_in(long long int i);
{up}_EXPORT const long long int *{s}_sparsity_out(long long int i);
{up}_EXPORT int {s}_work(long long int *n_arg, long long int *n_res, long long int *n_iw, long long int *n_w);
{up}_EXPORT void {s}_incref(void);
{up}_EXPORT void {s}_decref(void);

int {s}(const double **arg, double **res, long long int *iw, double *w, int mem)
{{
    (void)iw;
    (void)mem;
    if (res[0] != NULL) {{
{body}
    }}
    return 0;
}}

long long int {s}_n_in(void)
{{
    return {n_in};
}}

long long int {s}_n_out(void)
{{
    return {n_out};
}}

const char *{s}_name_in(long long int i)
{{
    return {names_in};
}}

const char *{s}_name_out(long long int i)
{{
    return {names_out};
}}

const long long int *{s}_sparsity_in(long long int i)
{{
    return {sparsities_in};
}}

const long long int *{s}_sparsity_out(long long int i)
{{
    return {sparsities_out};
}}

int {s}_work(long long int *n_arg, long long int *n_res, long long int *n_iw, long long int *n_w)
{{
    *n_arg = {n_in};
    *n_res = {n_out};
    *n_iw = 0;
    *n_w = {n_w};
    return 0;
}}

/* Nothing is counted: there is nothing to free. */
void {s}_incref(void)
{{
}}

void {s}_decref(void)
{{
}}
"""
