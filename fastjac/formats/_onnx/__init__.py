"""What `fastjac.formats.onnx` is made of: messages, values, shapes, operators, spellings, layers."""
