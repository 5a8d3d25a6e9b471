"""The client's errors in one line."""

from confluent_kafka import KafkaError, KafkaException

PASSING = {
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError._WAIT_COORD,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.REQUEST_TIMED_OUT,
}
"""A group's coordinator that is coming up, moving or out of reach: asking again helps."""


def reason(error: BaseException | KafkaError) -> str:
    """Name and text of an error; the client's own texts are short but may lack what is meant."""
    cause = error.args[0] if isinstance(error, KafkaException) and error.args else error
    name = cause.name() if isinstance(cause, KafkaError) else type(cause).__name__
    text = " ".join((cause.str() if isinstance(cause, KafkaError) else str(cause)).split())
    return f"{name.lstrip('_')}: {text[:300]}".rstrip(": ")


def code_of(error: KafkaException) -> int:
    """The error's code, as in `KafkaError`'s constants."""
    cause = error.args[0]
    return int(cause.code()) if isinstance(cause, KafkaError) else int(KafkaError.UNKNOWN)
