"""The body of `wayside inspect`: asks the console of a running system, prints the answer."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from shared.exceptions import ConfigError, InputError

# By verdict. 2 is for wrong input and for what cannot be reached, as everywhere.
EXIT_CODES = {"clear": 0, "not-clear": 1, "cannot-tell": 3}
# The console waits for the answer; beyond it this asks again until the time is up.
_ANSWER_S = 60.0
_AGAIN_S = 0.5


def ask(url: str, lane: str, wait_s: float) -> dict[str, Any]:
    """The inspection as the API tells it.

    Raises:
        ConfigError: no such lane, or not the console's address.
        InputError: no console answers there, or there is no inspector to give an answer in time.
    """
    deadline = time.monotonic() + wait_s
    try:
        with httpx.Client(base_url=url, timeout=_ANSWER_S + 10) as client:
            wait = min(_ANSWER_S, wait_s)
            path = f"/api/lanes/{quote(lane, safe='')}/inspection"
            response = client.post(path, params={"wait_s": wait}, json={"by": "wayside inspect"})
            if response.status_code in (404, 422):
                raise ConfigError(f"{lane!r} is no lane of this site; its lanes: {', '.join(_lanes(client)) or 'none'}")
            answer: dict[str, Any] = _json(response)
            while answer.get("state") == "pending":
                if time.monotonic() > deadline:
                    raise InputError(f"no answer within {wait_s:.0f} s; does `wayside inspector` run?")
                time.sleep(_AGAIN_S)
                found = client.get(str(answer["href"]))
                answer = answer if found.status_code == 404 else _json(found)
            return answer
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise ConfigError(f"--url {url!r}: {error}; write it as http://127.0.0.1:8080") from None
    except httpx.HTTPError as error:
        raise InputError(f"{url}: the console does not answer: {error}; is it running? (--url)") from None


def save_pdf(url: str, answer: dict[str, Any], path: Path) -> None:
    """Store the report.

    Raises:
        InputError: it cannot be had, or not be written.
    """
    try:
        response = httpx.get(url.rstrip("/") + str(answer["pdf"]), timeout=30)
        response.raise_for_status()
        path.write_bytes(response.content)
    except httpx.HTTPError as error:
        raise InputError(f"{url}: no report: {error}") from None
    except OSError as error:
        raise InputError(f"--pdf {path}: cannot be written: {error.strerror}") from None


def in_words(answer: dict[str, Any]) -> list[str]:
    """The answer, a line for each thing that it says."""
    lines = [f"{answer['lane']}: {answer['summary']}", f"watched {answer['requested_at']} to {answer['judged_at']}"]
    for word in answer["cameras"]:
        lines.append(f"  {word['camera']}: {word['verdict'].replace('-', ' ')}")
        lines += [f"    - {reason['text']}" for reason in word["reasons"]]
    return lines


def _lanes(client: httpx.Client) -> list[str]:
    return sorted({lane["zone"] for lane in _json(client.get("/api/lanes"))})


def _json(response: httpx.Response) -> Any:
    if response.status_code >= 400:
        try:
            detail = response.json().get("detail")
        except ValueError:
            detail = None
        raise InputError(f"the console refuses: {detail or response.reason_phrase} ({response.status_code})")
    try:
        return response.json()
    except ValueError:
        raise InputError(f"{response.url}: answers, but is no Wayside console") from None
