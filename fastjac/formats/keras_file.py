def from_keras_file(path, *, dtype=None):
    raise NotImplementedError
