"""Functions in C, taken by name from templates and written out for one network and one type.

The templates are C in which FJ_REAL stands for the type, FJ_NAME(f) for a function of it, and so on, as
fastjac/kernels/elementary.h says: what the library computes with is what the exported text computes with.
"""

import re
from importlib import resources

FILES = (("fastjac.kernels", "elementary.h"), ("fastjac.export", "activations.h"), ("fastjac.export", "products.h"))
F64 = {"REAL": "double", "BITS": "uint64_t", "MANTISSA": "52", "SIZE": "8", "EXP_BOUND": "1400.0"}
F32 = {"REAL": "float", "BITS": "uint32_t", "MANTISSA": "23", "SIZE": "4", "EXP_BOUND": "170.0f"}


def read(package, file):
    """Text of a template."""
    return resources.files(package).joinpath(file).read_text(encoding="utf-8")


def functions():
    """{name: text} of all templates, each with the comment before it; a function comes after those that it calls."""
    found = {}
    for package, file in FILES:
        pattern = r"((?:^/\*(?:(?!\*/)[\s\S])*\*/\n)?)^(static [^;]*?FJ_NAME\((\w+)\)\([^;{]*\)\n\{\n[\s\S]*?^\}\n)"
        for comment, text, name in re.findall(pattern, read(package, file), re.M):
            found[name] = comment + text
    return found


class Writer:
    """Writes templates for a network called `name` whose type is `real`, "double" or "float"."""

    def __init__(self, name, real):
        self.name, self.real, self.functions = name, real, functions()

    def add(self, activation):
        """Know the function of an activation that a user registered."""
        if activation.custom is None:
            return
        if not activation.c:
            raise ValueError(f"activation {activation.name}: expected expressions of C, from register_activation")
        parameters = "".join(f"FJ_REAL {name}, " for name in activation.parameters)
        value, derivative = activation.c
        self.functions[f"f_{activation.name}"] = (
            f"/* Registered by the user. */\n"
            f"static FJ_INLINE FJ_REAL FJ_NAME(f_{activation.name})(FJ_REAL h, {parameters}FJ_REAL *d)\n{{\n"
            f"    const FJ_REAL a = (FJ_REAL)({value});\n"
            f"    *d = (FJ_REAL)({derivative});\n"
            "    return a;\n"
            "}\n")

    def __call__(self, text, real=None):
        """`text` for the type `real`, that of the network unless given."""
        real = real or self.real
        facts, suffix = (F64, "") if real == "double" else (F32, "f")
        text = _resolved(text, {"FJ_MANTISSA": real == "double"})
        text = re.sub(r"\bFJ_LIBM\((\w+)\)", rf"\g<1>{suffix}", text)
        text = re.sub(r"\bFJ_NAME\((\w+)\)", lambda match: self.function(match[1], real), text)
        text = re.sub(r"\bFJ_WIDE\((\w+)\)", lambda match: self.function(match[1], "double"), text)
        text = re.sub(r"\bfj_(\w+)_f(?:64|32)\b", lambda match: self.function(match[1], real), text)
        for key, value in facts.items():
            text = re.sub(rf"\bFJ_{key}\b", value, text)
        return _aligned(re.sub(r"\bFJ_(\w+)", rf"{self.name.upper()}_\1", text))

    def function(self, function, real=None):
        """What a function is called in the exported text."""
        return f"{self.name}_{function}" + ("_f64" if real == "double" != self.real else "")

    def closure(self, names):
        """The text of these functions and of all that they call."""
        with_fma, without = (self.reachable(names, fma) for fma in (True, False))
        # The double of a float is written before it: functions of floats call those of doubles, not the other way.
        order = [(name, real) for real in ("double", "float") for name in self.functions]
        texts = []
        for name, real in order:
            text, condition = self(self.functions[name], real), f"{self.name.upper()}_FAST_FMA"
            if (name, real) in with_fma & without:
                texts.append(text)
            elif (name, real) in with_fma | without:
                condition = condition if (name, real) in with_fma else f"!{condition}"
                texts.append(f"#if {condition}\n{text}#endif\n")
        return "\n".join(texts)

    def reachable(self, names, fma):
        """{(name, type)} of these functions and of all that they call, on a target with FMA or without."""
        found, todo = set(), [(name, self.real) for name in names]
        while todo:
            name, real = item = todo.pop()
            if item in found or name not in self.functions:
                continue
            found.add(item)
            facts = {"FJ_MANTISSA": real == "double", "FJ_FAST_FMA": fma}
            text = _resolved(self.functions[name], facts)
            todo += [(match, real) for match in re.findall(r"\bFJ_NAME\((\w+)\)", text)]
            todo += [(match, real) for match in re.findall(r"\bfj_(\w+)_f(?:64|32)\b", text)]
            todo += [(match, "double") for match in re.findall(r"\bFJ_WIDE\((\w+)\)", text)]
        return found


def _aligned(text):
    """`text` with lines that go on within parentheses beginning right of the one that is open."""
    lines, open_at = [], []
    for line in text.split("\n"):
        if open_at and not line.lstrip().startswith("*"):
            line = " " * (open_at[-1] + 1) + line.lstrip()
        code = re.sub(r"/\*.*?(\*/|$)|^ \*.*", lambda match: " " * len(match[0]), line)
        for column, character in enumerate(code):
            if character == "(":
                open_at.append(column)
            elif character == ")" and open_at:
                open_at.pop()
        lines.append(line)
    return "\n".join(lines)


def _resolved(text, facts):
    """`text` with the conditionals on the macros in `facts` decided; each of them is true or not."""
    lines, keeps = [], []
    for line in text.split("\n"):
        directive = re.match(r"#(if|else|endif)\b(.*)", line)
        if directive and directive[1] == "if":
            keeps.append(next((fact for macro, fact in facts.items() if macro in directive[2]), None))
        elif directive and directive[1] == "else" and keeps[-1] is not None:
            keeps[-1] = not keeps[-1]
        if directive and keeps[-1] is not None:
            comment = re.search(r"/\*.*\*/", directive[2])
            if comment and False not in keeps:
                lines.append(f"    {comment[0]}")
        elif False not in keeps:
            lines.append(line)
        if directive and directive[1] == "endif":
            keeps.pop()
    return "\n".join(lines)
