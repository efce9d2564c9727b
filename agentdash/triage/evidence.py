"""The line that matters, found by reading a log backwards from the failure.

The level proves nothing: stderr is `error`, progress bars included. So lines are weighed by what they say, and the last
line only counts when nothing better stands near it (contract: triage.md S03, D02, B09).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agentdash.state.model import LogLine

NEAR = 40
"""Lines before the end in which a telling line is looked for; further back it belongs to something else."""
NEARER = 25
"""Lines before the end in which a line that merely sounds bad counts."""


@dataclass(frozen=True, slots=True)
class _Sign:
    pattern: re.Pattern[str]
    cause: str
    codes: tuple[int, ...] = ()
    """Exit codes that make this sign the likelier one."""


def _sign(pattern: str, cause: str, *codes: int) -> _Sign:
    return _Sign(re.compile(pattern, re.IGNORECASE), cause, codes)


_SIGNS = (
    _sign(r"no space left on device|\bENOSPC\b|disk quota exceeded", "the disk is full"),
    _sign(r"out of memory|cannot allocate memory|\boom[- ]?kill|\bENOMEM\b", "out of memory", 137, -1),
    _sign(r"^\s*Killed\s*$|: Killed\b", "killed, most likely for memory", 137, -1),
    _sign(
        r"command not found|: not found\s*$|executable file not found|: No such file or directory.*/bin/",
        "a program is missing",
        127,
    ),
    _sign(r"bad interpreter|cannot execute|exec format error", "the file cannot be executed", 126),
    _sign(
        r"cannot connect to the docker daemon|docker daemon is not running|docker\.sock",
        "Docker does not answer",
    ),
    _sign(
        r"manifest unknown|image not known|pull access denied|ErrImagePull|ImagePullBackOff|not found: manifest",
        "the image is unknown, or may not be pulled",
    ),
    _sign(
        r"could not resolve|temporary failure in name resolution|getaddrinfo|no such host|name or service not known",
        "a name cannot be resolved",
    ),
    _sign(
        r"connection refused|connection timed out|network is unreachable|i/o timeout|connection reset"
        r"|failed to connect|TLS handshake timeout|context deadline exceeded",
        "a server cannot be reached",
    ),
    _sign(
        r"x509|certificate (?:verify failed|has expired|signed by unknown)|self[- ]signed certificate",
        "a certificate is not trusted",
    ),
    _sign(
        r"authentication failed|\b401\b.*unauthorized|unauthorized|permission denied \(publickey\)|invalid credentials"
        r"|could not read username|ExpiredToken|no valid credential",
        "logging in failed",
    ),
    _sign(
        r"permission denied|operation not permitted|\bEACCES\b|access denied|\b403\b.*forbidden",
        "a right is missing",
        126,
    ),
    _sign(
        r"could not get lock|unable to acquire the dpkg|unable to lock|state lock|error acquiring the state lock",
        "something holds a lock",
    ),
    _sign(
        r"quota.*exceeded|exceeded.*quota|insufficient.*(?:capacity|quota|cpu|memory)|LimitExceeded",
        "a quota or the capacity is used up",
    ),
    _sign(r"no such file or directory|\bENOENT\b", "a file is missing"),
    _sign(r"address already in use|\bEADDRINUSE\b|port is already allocated", "a port is taken"),
    _sign(r"already exists", "something is there already"),
    _sign(r"output pipes were not closed", "a program was left running with the script's output"),
    _sign(
        r"unable to locate package|no matching distribution|unresolvable|ERESOLVE|could not find a version",
        "a package cannot be found",
    ),
    _sign(r"syntax error|unexpected token|unbound variable|parse error", "the script has a mistake"),
    _sign(r"segmentation fault|core dumped|\bpanic: ", "a program crashed", 139, 134),
    _sign(r"^Traceback \(most recent call last\)", "a Python program failed"),
)

_SOUNDS_BAD = re.compile(
    r"\b(?:error|fatal|failed|failure|cannot|can't|could not|unable to|abort(?:ed|ing)?|exception|denied|refused|invalid"
    r"|missing|not found|unknown|timed out)\b",
    re.IGNORECASE,
)
_NOISE = re.compile(
    r"^\s*$|complete log of this run|^\s*(?:npm|yarn) (?:warn|notice)\b|\b0 errors?\b|without errors?|no errors?\b"
    r"|error[- ]free|^\+?\s*set [-+]|^\s*\++ |deprecated|if [^ ]+ fails|on[- ]error|\|\| true|ignoring"
    r"|exit(?:ed with)? (?:status|code) 0\b|failed to fetch control manifest|retrying",
    re.IGNORECASE,
)
_ECHO = re.compile(
    r"^make(?:\[\d+\])?: \*\*\*|Command failed with exit (?:code|status)|exit(?:ed)?(?: with)? (?:status|code)"
    r"|returned a? ?non-zero|npm (?:error|ERR!) (?:Lifecycle|Exit)|ELIFECYCLE",
    re.IGNORECASE,
)
"""Lines that only pass on that something before them failed."""
_ENDED_WELL = "script exited successfully"
"""Of the agent's warning about open pipes."""
_NPM_CODE = re.compile(r"^\s*npm (?:error|ERR!)\s+(?:code|errno|syscall|path|A complete)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Telling:
    """A line that matters, and what it means in a few words; empty if it only sounds bad."""

    line: LogLine
    cause: str


def telling_line(
    lines: Sequence[LogLine],
    *,
    until: datetime | None = None,
    exit_code: int | None = None,
    is_sure: bool = True,
) -> Telling | None:
    """The line that matters, read backwards from the failure.

    Args:
        lines: Lines of one source in their order.
        until: When the failure was noticed, if the log goes on after it.
        exit_code: Of the script: some lines explain some codes.
        is_sure: Whether it is known to have failed: then its last line stands where none sounds bad.
    """
    read = [ln for ln in lines if until is None or ln.at is None or ln.at <= until]
    read = [ln for ln in read[-400:] if not _NOISE.search(ln.text)][-NEAR:]
    if not is_sure:
        read = [ln for ln in read if _ENDED_WELL not in ln.text]
    if not read:
        return None
    found = _by_sign(read, exit_code)
    if found is not None:
        return found
    bad = [
        ln
        for ln in read[-NEARER:]
        if _SOUNDS_BAD.search(ln.text) or _ECHO.search(ln.text)
        if not _NPM_CODE.search(ln.text)
    ]
    first_hand = [ln for ln in bad if not _ECHO.search(ln.text)]
    said = first_hand or bad or (read if is_sure else [])
    return Telling(said[-1], "") if said else None


def _by_sign(read: Sequence[LogLine], exit_code: int | None) -> Telling | None:
    best: Telling | None = None
    for line in reversed(read):
        if _NPM_CODE.search(line.text):
            continue
        for sign in _SIGNS:
            if not sign.pattern.search(line.text):
                continue
            found = Telling(line, sign.cause)
            # A code that some lines explain is not laid at the door of another line that merely stands nearer.
            if exit_code is None or exit_code in sign.codes or exit_code not in _EXPLAINED:
                return found
            best = best or found
            break
    return best


_EXPLAINED = frozenset(code for sign in _SIGNS for code in sign.codes)


# Terraform

_TERRAFORM_ERROR = re.compile(r"^[\s│╷╵|]*Error: ")
_TERRAFORM_PLACE = re.compile(r"^[\s│|]*(?:with |on \S+ line \d+)")
_TERRAFORM_END = re.compile(r"^\s*╵")
_BLOCK_LINES = 40
_STILL = re.compile(r"^(?P<address>\S+): Still (?P<what>creating|destroying|modifying|reading)\.\.\..*?\[(?:.*?)?"
                    r"(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?P<s>\d+)s elapsed", re.IGNORECASE)  # fmt: skip


def terraform_errors(lines: Sequence[LogLine], limit: int = 3) -> tuple[LogLine, ...]:
    """Lines of the `Error:` block of a build's log that matters, in their order; else its lines of level `error`.

    Of several blocks the last one that says something known counts, else the last. Of a block its first line counts, the
    line that says why, which may stand far below, and its place.

    Args:
        lines: Lines of the build's log, which name a stage as their source.
        limit: Lines at most.
    """
    blocks = _blocks(lines)
    if blocks:
        block = next((b for b in reversed(blocks) if cause_of(b)), blocks[-1])
        return _of_block(block, limit)
    loud = [ln for ln in lines if ln.level == "error" and ln.text.strip()]
    found = telling_line(loud)
    if found is None or found.line in loud[-limit:]:
        return tuple(loud[-limit:])
    return (found.line, *loud[-limit:][1:])


def _blocks(lines: Sequence[LogLine]) -> list[list[LogLine]]:
    """Each `Error:` with the lines after it that belong to it."""
    blocks: list[list[LogLine]] = []
    is_open = False
    for line in lines:
        if _TERRAFORM_ERROR.search(line.text):
            blocks.append([line])
            is_open = True
        elif is_open and (_TERRAFORM_END.search(line.text) or len(blocks[-1]) >= _BLOCK_LINES):
            is_open = False
        elif is_open:
            blocks[-1].append(line)
    return blocks


def _of_block(block: Sequence[LogLine], limit: int) -> tuple[LogLine, ...]:
    first, rest = block[0], block[1:]
    kept = [first]
    if not cause_of([first]):
        reason = next((ln for ln in reversed(rest) if cause_of([ln])), None)
        kept += [] if reason is None else [reason]
    places = [ln for ln in rest if _TERRAFORM_PLACE.search(ln.text)]
    kept += places[: max(0, limit - len(kept))]
    return tuple(ln for ln in block if ln in kept)


def cause_of(lines: Iterable[LogLine]) -> str:
    """What these lines mean in a few words; empty if nothing known."""
    for line in lines:
        for sign in _SIGNS:
            if sign.pattern.search(line.text):
                return sign.cause
    return ""


def clean_error(text: str) -> str:
    """A Terraform line without the drawing around it."""
    return text.strip().lstrip("│╷╵|").strip()


@dataclass(frozen=True, slots=True)
class StillBusy:
    """A resource that Terraform keeps waiting for."""

    address: str
    elapsed_s: float
    line: LogLine


def still_busy(lines: Sequence[LogLine]) -> StillBusy | None:
    """The resource that the last lines of a build's log keep naming, with the time Terraform says it took so far."""
    said = [ln for ln in lines if ln.text.strip()]
    found = [(ln, match) for ln in said[-12:] if (match := _STILL.search(ln.text.strip()))]
    if not found or not _STILL.search(said[-1].text.strip()):
        return None
    longest: StillBusy | None = None
    for line, match in found:
        hours, minutes, seconds = (int(match.group(part) or 0) for part in ("h", "m", "s"))
        busy = StillBusy(match.group("address"), hours * 3600.0 + minutes * 60.0 + seconds, line)
        if longest is None or busy.elapsed_s >= longest.elapsed_s:
            longest = busy
    return longest


# Devcontainers


@dataclass(frozen=True, slots=True)
class DevcontainerEnd:
    """How the last run of the devcontainer CLI ended, by its own last word.

    Attributes:
        has_failed: Whether its outcome was an error.
        message: Its message; empty if there is none.
        line: The line of its last word.
        reason: The line before it that says why, if one does.
        cause: What that means in a few words.
    """

    has_failed: bool
    message: str
    line: LogLine
    reason: LogLine | None
    cause: str


def devcontainer_end(lines: Sequence[LogLine]) -> DevcontainerEnd | None:
    """The end of the last run that stands in a devcontainer's log; None if none has ended.

    The CLI tells its outcome as JSON in a line of level `info`; everything else is progress, whatever its level
    (contract: triage.md D02).
    """
    for index in range(len(lines) - 1, -1, -1):
        word = _outcome(lines[index].text)
        if word is None:
            continue
        line = lines[index]
        has_failed = word.get("outcome") == "error"
        message = " ".join(str(word.get("message") or word.get("description") or "").split())[:500]
        before = _of_this_run(lines[:index])
        telling = telling_line(before) if has_failed and before else None
        # What is neither known nor sounds bad is progress.
        is_reason = telling is not None and (telling.cause or _SOUNDS_BAD.search(telling.line.text))
        return DevcontainerEnd(
            has_failed,
            message if has_failed else "",
            line,
            telling.line if telling is not None and is_reason else None,
            (telling.cause if telling is not None else "") or cause_of([line]),
        )
    return None


def _of_this_run(lines: Sequence[LogLine]) -> Sequence[LogLine]:
    """Lines since the outcome of the run before."""
    for index in range(len(lines) - 1, -1, -1):
        if _outcome(lines[index].text) is not None:
            return lines[index + 1 :]
    return lines


def _outcome(text: str) -> dict[str, object] | None:
    text = text.strip()
    if not text.startswith("{") or '"outcome"' not in text:
        return None
    try:
        word = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return word if isinstance(word, dict) and word.get("outcome") in ("error", "success") else None


_WAITS = re.compile(r"\bsync\b.*\bwait|\bwait\w*\b.*\bsync\b", re.IGNORECASE)


def waits_for_unit(lines: Sequence[LogLine]) -> LogLine | None:
    """The last line, if it says that the script waits for another unit (contract: triage.md S10)."""
    said = [ln for ln in lines if ln.text.strip()]
    return said[-1] if said and _WAITS.search(said[-1].text) else None
