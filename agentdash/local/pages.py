"""The few HTML answers of the real server, as short pages of our own (contract: README.md §1, pty.md §4)."""

from __future__ import annotations

from html import escape

from starlette.responses import HTMLResponse

DASHBOARD_SENTENCE = "This deployment has no web dashboard; its API lives below /api/v2."


def error_page(status: int, title: str, description: str) -> HTMLResponse:
    """A refusal of the terminal endpoint: `<title>` is `STATUS - TITLE`, the description the only `<p>`."""
    text = escape(description, quote=True).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    return HTMLResponse(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="UTF-8" />\n'
        f"<title>{status} - {escape(title)}\n</title>\n"
        "<style>body { font-family: sans-serif; text-align: center; padding: 4em; }</style>\n"
        f"</head>\n<body>\n<h1>{status} - {escape(title)}</h1>\n<p>{text}</p>\n"
        '<a href="/">Back to the deployment</a>\n</body>\n</html>\n',
        status_code=status,
    )


def dashboard_page() -> HTMLResponse:
    """What every path outside the API answers: 200 with one sentence."""
    return HTMLResponse(f"<!doctype html>\n<html><body>{escape(DASHBOARD_SENTENCE)}</body></html>\n")
