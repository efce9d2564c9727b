"""A string that does not show itself."""

from __future__ import annotations

import hmac
from typing import ClassVar, NoReturn


class Secret:
    """A token or header value: hidden in repr, str, format, dumps and tracebacks, given out by `reveal` alone."""

    __slots__ = ("_value",)

    MASK: ClassVar[str] = "••••••"

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the value, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({self.MASK!r})"

    def __str__(self) -> str:
        return self.MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # Lone surrogates are legal in an environment and must not make a comparison fail.
        mine, theirs = (secret.reveal().encode("utf-8", "surrogatepass") for secret in (self, other))
        return hmac.compare_digest(mine, theirs)

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self
