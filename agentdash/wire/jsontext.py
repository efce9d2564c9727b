r"""JSON as the server writes and reads it.

Written JSON is compact, keeps UTF-8, and escapes `<`, `>`, `&`, U+2028 and U+2029 inside strings as the
server does (contract: README §6). Read JSON knows no `NaN` and never raises anything but `MessageError`.
"""

from __future__ import annotations

import json
import re

from agentdash.wire.errors import MessageError

EXCERPT = 200
"""Characters of a bad message kept for the error."""

_ESCAPED = re.compile("[<>&\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def dumps(value: object) -> str:
    r"""Write one value on one line; a lone surrogate becomes U+FFFD, as everywhere on the server."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", well_formed(text))


def loads(message: str | bytes) -> object:
    """Read one value; bad UTF-8 becomes U+FFFD.

    Raises:
        MessageError: The text is not one JSON value, or is nested too deeply to read.
    """
    text = message.decode("utf-8", "replace") if isinstance(message, bytes) else message
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise MessageError(f"not JSON: {error}", text[:EXCERPT]) from None
    except RecursionError:
        raise MessageError("not JSON: nested too deeply", text[:EXCERPT]) from None
    return value


def well_formed(text: str) -> str:
    """Join surrogate pairs and replace lone surrogates by U+FFFD, so that the text can be encoded."""
    if _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no value")
