"""Sinks against a real HTTP server and real files: signed, retried in time, and given up."""

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from structlog.testing import capture_logs

from services.alerts.delivery import deliver
from services.alerts.lifecycle import CONTENT_TYPE
from services.alerts.sinks import jsonl, webhook
from services.alerts.sinks.base import DeliveryError
from shared.embedded.process import free_port
from shared.exceptions import PoisonMessageError
from tests.alerting import Receiver, event, until

OK = (204, {})
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize(
    ("secret", "key"), [(SECRET, SECRET), (SECRET + "==", SECRET), ("a plain text", b"a plain text")]
)
def test_a_receiver_verifies_the_signature_with_the_reference_library(secret: str, key: str | bytes) -> None:
    with Receiver(OK) as receiver:
        sink = webhook.Sink(receiver.url, secret)
        sink.deliver(event())
        sink.close()
    ((_, headers, body),) = receiver.requests
    assert Webhook(key).verify(body, headers)["id"] == "a1.0" == headers["webhook-id"]
    assert headers["content-type"] == CONTENT_TYPE
    assert body == event().to_bytes()
    with pytest.raises(WebhookVerificationError):
        Webhook(key).verify(body.replace(b"critical", b"info"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(b"another").verify(body, headers)


def test_failures_are_retried_under_one_id_until_the_receiver_has_it() -> None:
    with Receiver((500, {}), (429, {"retry-after": "1"}), 5.0, (302, {"location": "/"}), OK) as receiver:
        sink = webhook.Sink(receiver.url, SECRET, timeout_s=0.3)
        assert deliver(event(), sink, threading.Event(), first_wait_s=0.01)
        sink.close()
    assert receiver.ids == ["a1.0"] * 5
    times = [at for at, _, _ in receiver.requests]
    assert 1.0 <= times[2] - times[1] < 2.0, "Retry-After was honoured"
    assert 0.3 <= times[3] - times[2] < 2.0, "an answer that does not come is a time-out"


def test_a_date_in_retry_after_is_honoured() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    with Receiver((503, {"retry-after": later})) as receiver:
        sink = webhook.Sink(receiver.url, None)
        with pytest.raises(DeliveryError) as caught:
            sink.deliver(event())
        sink.close()
    assert 25 < (caught.value.retry_after_s or 0) <= 30


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("-7", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", None),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
        ("Fri, 31 Dec 2027 99999999999999999999:59:59 GMT", None),
    ],
)
def test_a_retry_after_that_is_no_time_is_passed_over(value: str, seconds: float | None) -> None:
    with Receiver((503, {"retry-after": value})) as receiver:
        sink = webhook.Sink(receiver.url, None)
        with pytest.raises(DeliveryError) as caught:
            sink.deliver(event())
        sink.close()
    assert (caught.value.retryable, caught.value.retry_after_s) == (True, seconds)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(302, True), (400, False), (401, False), (404, False), (408, True), (410, False), (425, True), (429, True),
     (500, True), (503, True)],
)  # fmt: skip
def test_only_what_may_pass_is_tried_again(status: int, retryable: bool) -> None:
    with Receiver((status, {})) as receiver:
        sink = webhook.Sink(receiver.url, None)
        with pytest.raises(DeliveryError) as caught:
            sink.deliver(event())
        sink.close()
    assert caught.value.retryable is retryable


def test_a_refusal_for_good_is_not_repeated_and_names_no_secret() -> None:
    with Receiver((410, {})) as receiver, capture_logs() as logs:
        sink = webhook.Sink(receiver.url.replace("//", "//user:hunter2@") + "/T0KEN?key=T0KEN", "s3cret")
        with pytest.raises(PoisonMessageError) as caught:
            deliver(event(), sink, threading.Event())
        sink.close()
    assert (caught.value.reason, len(receiver.requests)) == ("sink-failed", 1)
    assert logs[0]["event"] == "delivery failed"
    told = f"{caught.value} {logs}"
    assert not any(word in told for word in ("hunter2", "T0KEN", "s3cret", "/hook"))


def test_patience_ends_also_with_a_receiver_that_asks_for_an_hour() -> None:
    with Receiver((503, {"retry-after": "3600"})) as receiver:
        sink = webhook.Sink(receiver.url, None)
        started = time.monotonic()
        with pytest.raises(PoisonMessageError, match="2 attempts"):
            deliver(event(), sink, threading.Event(), patience_s=0.4)
        sink.close()
    assert 0.4 <= time.monotonic() - started < 2


class Dripping(socketserver.BaseRequestHandler):
    """Begins an answer, then goes on with it for ever."""

    start, drip = b"HTTP/1.1 200 OK\r\n", b"x-more: to come\r\n"

    def handle(self) -> None:
        with suppress(OSError):
            self.request.recv(65536)
            self.request.sendall(self.start)
            while True:
                self.request.sendall(self.drip)
                time.sleep(0.05)


class EndlessBody(Dripping):
    start, drip = b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000


@contextmanager
def raw_receiver(handler: type[Dripping]) -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def test_a_receiver_that_drips_its_answer_holds_a_sink_no_longer_than_the_time_out() -> None:
    with raw_receiver(Dripping) as url:
        sink, started = webhook.Sink(url, None, timeout_s=0.4), time.monotonic()
        with pytest.raises(DeliveryError, match=r"within 0\.4 s"):
            sink.deliver(event())
        assert time.monotonic() - started < 1.5
        sink.close()


def test_an_answer_counts_by_its_status_however_long_its_body() -> None:
    with raw_receiver(EndlessBody) as url:
        sink, started = webhook.Sink(url, None, timeout_s=5), time.monotonic()
        sink.deliver(event())
        assert time.monotonic() - started < 2
        sink.close()


def test_a_receiver_that_is_not_there_can_be_retried() -> None:
    sink = webhook.Sink(f"http://127.0.0.1:{free_port()}/", None)
    with pytest.raises(DeliveryError, match="ConnectError") as caught:
        sink.deliver(event())
    sink.close()
    assert caught.value.retryable


def test_a_delivery_under_way_gives_up_at_once_when_told() -> None:
    with Receiver(30.0) as receiver:
        sink, stop = webhook.Sink(receiver.url, None), threading.Event()
        outcome: list[bool] = []
        thread = threading.Thread(target=lambda: outcome.append(deliver(event(), sink, stop)))
        thread.start()
        until(lambda: receiver.requests, "the receiver has the request")
        started = time.monotonic()
        stop.set()
        sink.abort()
        thread.join(5)
        assert (outcome, time.monotonic() - started < 1) == ([False], True)
        sink.close()


def test_json_lines_grow_by_whole_lines_and_survive_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "alerts.jsonl"
    sink = jsonl.Sink(path)
    sink.deliver(event("a1"))
    with path.open("ab") as file:
        file.write(b'{"specversion": "1.')
    sink.deliver(event("a2"))
    sink.deliver(event("a3"))
    first, torn, *rest = path.read_bytes().splitlines()
    assert (first, torn) == (event("a1").to_bytes(), b'{"specversion": "1.')
    assert rest == [event("a2").to_bytes(), event("a3").to_bytes()]


def test_a_full_disk_is_a_failure_that_may_pass() -> None:
    sink = jsonl.Sink(Path("/dev/full"))
    with pytest.raises(DeliveryError, match="No space left") as caught:
        sink.deliver(event())
    assert caught.value.retryable
