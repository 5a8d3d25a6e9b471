"""Credentials in URLs never reach a log."""

import pytest

from shared.telemetry.logs import redact


@pytest.mark.parametrize("secret", ["hunter2", "hun@ter2", "hun/ter2", "h:un/t@er2", "hunter%402"])
@pytest.mark.parametrize("url", ["rtsp://operator:{}@camera/main", "rtsp://:{}@camera:554/main?x=1"])
def test_passwords_go_also_when_they_are_not_percent_encoded(url: str, secret: str) -> None:
    shown = redact(f"cannot open {url.format(secret)} at all")

    assert "ter2" not in shown
    assert "***@camera" in shown
    assert shown.endswith(" at all")


@pytest.mark.parametrize("text", ["http://host:8080/x", "rtsp://camera/main", "write to a@b.example", "a:b@c"])
def test_what_holds_no_credentials_stays(text: str) -> None:
    assert redact(text) == text
