from collections.abc import Callable
from typing import Any

class Custom:
    error: BaseException | None
    def __init__(
        self, addresses: tuple[int, int], value: Callable[..., Any] | None, derivative: Callable[..., Any] | None,
        n_parameters: int,
    ) -> None: ...
    def raise_error(self) -> None: ...
    @property
    def is_python(self) -> bool: ...
