"""Error answers in the form the real server gives them (contract: README.md §3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

JSON_CONTENT_TYPE = "application/json; charset=utf-8"

NOT_FOUND = "Resource not found or you do not have access to this resource"
AGENT_NOT_FOUND = "Agent doesn't exist with that id, or you do not have access to it."
ROUTE_NOT_FOUND = "Route not found."
FORBIDDEN_DETAIL = (
    "You don't have permission to view this content. If you believe this is a mistake, "
    "please contact your administrator or try signing in with different credentials."
)


class CoderJSONResponse(JSONResponse):
    """JSON with the content type and the trailing newline the real server writes."""

    media_type = JSON_CONTENT_TYPE

    def render(self, content: object) -> bytes:
        return super().render(content) + b"\n"


@dataclass(slots=True)
class ApiError(Exception):
    """An answer other than success; handlers raise it, `api_error_handler` writes it.

    `validations` are (field, detail) pairs; empty `detail` and `validations` are left out of the body.
    """

    status: int
    message: str
    detail: str = ""
    validations: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] | None = None

    def __str__(self) -> str:
        return f"{self.status} {self.message}"

    def body(self) -> dict[str, object]:
        """The JSON envelope: `message`, and `detail`, `validations` when there are any."""
        body: dict[str, object] = {"message": self.message}
        if self.detail:
            body["detail"] = self.detail
        if self.validations:
            body["validations"] = [{"field": field, "detail": detail} for field, detail in self.validations]
        return body

    def response(self) -> Response:
        """The answer as Starlette sends it."""
        return CoderJSONResponse(self.body(), status_code=self.status, headers=self.headers)


async def api_error_handler(request: Request, error: Exception) -> Response:
    """Exception handler for `Starlette(exception_handlers={ApiError: api_error_handler})`."""
    del request
    if not isinstance(error, ApiError):
        raise error
    return error.response()


def not_found() -> ApiError:
    """404: no such object, or the caller may not read it; the two are alike on purpose."""
    return ApiError(404, NOT_FOUND)


def agent_not_found() -> ApiError:
    """404 of every `/workspaceagents/{id}` endpoint."""
    return ApiError(404, AGENT_NOT_FOUND)


def route_not_found() -> ApiError:
    """404 of an endpoint this server does not have."""
    return ApiError(404, ROUTE_NOT_FOUND)


def forbidden(message: str = "Forbidden.", detail: str = FORBIDDEN_DETAIL) -> ApiError:
    """403: logged in, but without the right."""
    return ApiError(403, message, detail)


def bad_uuid(text: str) -> ApiError:
    """400 of a malformed id in a path."""
    if len(text) != 36:
        return ApiError(400, f'Invalid UUID "{text}".', f"invalid UUID length: {len(text)}")
    return ApiError(400, f'Invalid UUID "{text}".', "invalid UUID format")
