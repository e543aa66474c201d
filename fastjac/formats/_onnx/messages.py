"""Messages of ONNX: the fields that a network needs, and tensors and attributes as plain values.

Live `onnx.ModelProto` objects have the same names and go the same way.
"""

import math

import numpy as np

from fastjac.formats.errors import ModelFormatError
from fastjac.formats.protobuf import Reader

# Names and numbers are those of onnx.proto.
TENSOR = {
    1: ("dims", ["int"]), 2: ("data_type", "int"), 4: ("float_data", ["float"]), 5: ("int32_data", ["int"]),
    7: ("int64_data", ["int"]), 8: ("name", "text"), 9: ("raw_data", "bytes"), 10: ("double_data", ["double"]),
    13: ("external_data", ["bytes"]), 14: ("data_location", "int"),
}  # fmt: skip
ATTRIBUTE = {
    1: ("name", "text"), 2: ("f", "float"), 3: ("i", "int"), 4: ("s", "bytes"), 5: ("t", TENSOR),
    7: ("floats", ["float"]), 8: ("ints", ["int"]), 20: ("type", "int"), 21: ("ref_attr_name", "text"),
}  # fmt: skip
NODE = {
    1: ("input", ["text"]), 2: ("output", ["text"]), 3: ("name", "text"), 4: ("op_type", "text"),
    5: ("attribute", [ATTRIBUTE]), 7: ("domain", "text"),
}  # fmt: skip
DIMENSION = {1: ("dim_value", "int"), 2: ("dim_param", "text")}
VALUE_INFO = {1: ("name", "text"), 2: ("type", {1: ("tensor_type", {1: ("elem_type", "int"),
                                                                    2: ("shape", {1: ("dim", [DIMENSION])})})})}
GRAPH = {
    1: ("node", [NODE]), 5: ("initializer", [TENSOR]), 11: ("input", [VALUE_INFO]), 12: ("output", [VALUE_INFO]),
    15: ("sparse_initializer", ["bytes"]),
}  # fmt: skip
OPERATOR_SET = {1: ("domain", "text"), 2: ("version", "int")}
MODEL = {1: ("ir_version", "int"), 7: ("graph", GRAPH), 8: ("opset_import", [OPERATOR_SET]),
         25: ("functions", ["bytes"])}

FLOAT, INT32, INT64, BOOL, DOUBLE = 1, 6, 7, 9, 11
TYPE_NAMES = {
    2: "uint8", 3: "int8", 4: "uint16", 5: "int16", INT32: "int32", INT64: "int64", 8: "string", BOOL: "bool",
    FLOAT: "float", 10: "float16", DOUBLE: "double", 12: "uint32", 13: "uint64", 14: "complex64",
    15: "complex128", 16: "bfloat16",
}  # fmt: skip
# data_type -> (field for numbers that are not raw, type of raw numbers)
STORAGE = {
    FLOAT: ("float_data", "<f4"), DOUBLE: ("double_data", "<f8"), INT32: ("int32_data", "<i4"),
    INT64: ("int64_data", "<i8"), BOOL: ("int32_data", "|b1"),
}  # fmt: skip
# Integers are shapes, axes and indices; as varints a byte in the file can become eight in memory.
MOST_INTEGERS = 2**16

# AttributeProto.type -> the field that holds the value
FIELDS = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints"}


def read_model(path):
    """The message ModelProto of a file."""
    with open(path, "rb") as file:
        data = file.read()
    return Reader(str(path)).message(memoryview(data), MODEL)


def type_name(elem_type):
    return TYPE_NAMES.get(elem_type, f"number {elem_type}")


def as_array(tensor):
    """A TensorProto as an array, of its own bytes where they are raw."""
    if tensor.data_location or len(tensor.external_data):
        raise ModelFormatError(
            "expected the numbers in the file, got external data; "
            "onnx.save_model(onnx.load(path), path, save_as_external_data=False) writes one file"
        )
    if tensor.data_type not in STORAGE:
        raise ModelFormatError(f"expected float, double, integers or bool, got {type_name(tensor.data_type)}")
    field, dtype = STORAGE[tensor.data_type]
    dtype = np.dtype(dtype)
    shape = tuple(tensor.dims)
    if any(n < 0 for n in shape):
        raise ModelFormatError(f"expected a shape of sizes >= 0, got {shape}")
    n = math.prod(shape)  # Python integers do not overflow
    if dtype.kind != "f" and n > MOST_INTEGERS:
        raise ModelFormatError(f"expected at most {MOST_INTEGERS} integers, got shape {shape}")
    if raw := tensor.raw_data:
        if len(raw) != n * dtype.itemsize:
            raise ModelFormatError(f"expected {n * dtype.itemsize} bytes for shape {shape}, got {len(raw)}")
        array = np.frombuffer(raw, dtype)
    else:
        numbers = getattr(tensor, field)
        if len(numbers) != n:
            raise ModelFormatError(f"expected {n} numbers for shape {shape}, got {len(numbers)}")
        array = np.array(numbers, dtype)
    return array.reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def attributes(node):
    """Dictionary of a node's attributes; tensors as arrays, text as str."""
    values = {}
    for attribute in node.attribute:
        if attribute.name in values:
            raise ModelFormatError(f"expected one attribute {attribute.name!r}, got two")
        field = FIELDS.get(attribute.type)
        if field is None or attribute.ref_attr_name:
            raise ModelFormatError(f"attribute {attribute.name!r}: expected a number, numbers, text or a tensor")
        value = getattr(attribute, field)
        if field == "t":
            value = as_array(value)
        elif field == "s":
            value = bytes(value).decode("utf-8", "replace")
        elif field in ("floats", "ints"):
            value = np.array(value, np.float32 if field == "floats" else np.int64)
        values[attribute.name] = value
    return values
