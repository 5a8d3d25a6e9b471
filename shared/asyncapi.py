"""The AsyncAPI 3.0 document of the topics: who writes and reads what, with which key, how long it is kept."""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from shared import topics
from shared.bus.base import TopicSpec
from shared.bus.kafka_settings import topic_configs

# Of the Kafka bindings to AsyncAPI that the document's `bindings` follow.
BINDING_VERSION = "0.5.0"


@dataclass(frozen=True, slots=True)
class Channel:
    """What the document says of a topic beyond its `TopicSpec`.

    Attributes:
        message: name of the message, and of its schema in docs/schemas/.
        key: what the message's key is.
        writers: services that send to it.
        readers: services that read it in a consumer group, with the group's name.
    """

    message: str
    summary: str
    key: str
    writers: tuple[str, ...]
    readers: tuple[tuple[str, str], ...] = ()


CHANNELS: dict[str, Channel] = {
    topics.FRAMES: Channel(
        "frame",
        "One analysed picture of one camera: a JPEG as value, everything else in headers.",
        "camera id",
        ("producer",),
        (("detector", topics.DETECTOR_GROUP),),
    ),
    topics.DETECTIONS: Channel(
        "detections",
        "What the detector found on one frame; idempotent by run, camera and captured_at.",
        "camera id",
        ("detector",),
        (("analyzer", topics.ANALYZER_GROUP),),
    ),
    topics.CAMERA_STATUS: Channel(
        "camera-status",
        "Whether a live camera gives pictures and its clock can be believed; on each change and every two seconds.",
        "camera id",
        ("producer", "analyzer"),
        (("analyzer", topics.ANALYZER_GROUP),),
    ),
    topics.TRACKS: Channel(
        "tracks",
        "The tracked objects of one frame.",
        "camera id",
        ("analyzer",),
        (("inspector", topics.INSPECTOR_GROUP),),
    ),
    topics.INCIDENTS: Channel(
        "incident",
        "A change of an incident; idempotent by incident_id and revision.",
        "incident id",
        ("analyzer", "inspector"),
        (("alerts", topics.ALERTS_GROUP),),
    ),
    topics.LANE_STATS: Channel(
        "lane-stats",
        "Count, speeds and occupancy of one lane over one interval; idempotent by run, camera, zone and start.",
        "camera id",
        ("analyzer",),
    ),
    topics.TURNAROUNDS: Channel(
        "turnaround",
        "What is known of one aircraft's stay at a stand; idempotent by turnaround_id and revision.",
        "camera id",
        ("analyzer",),
    ),
    topics.MODEL_COMPARISONS: Channel(
        "model-comparison",
        "How a candidate in the shadow differs from the model in production, on one camera within one minute.",
        "camera id",
        ("detector",),
    ),
    topics.INSPECTION_REQUESTS: Channel(
        "inspection-request",
        "Somebody asks whether a lane is clear; idempotent by request_id.",
        "lane",
        ("console", "inspector"),
        (("inspector", topics.INSPECTOR_GROUP),),
    ),
    topics.INSPECTIONS: Channel(
        "inspection",
        "The answer: clear, not clear or cannot tell, with what each camera says; idempotent by inspection_id.",
        "lane",
        ("inspector",),
    ),
    topics.CONFIRMATIONS: Channel(
        "confirmation",
        "A person has looked at a camera's picture: nothing is on the lane.",
        "camera id",
        ("console",),
    ),
    topics.ALERT_VERDICTS: Channel(
        "alert-verdict",
        "What an operator says of an alert; idempotent by verdict_id.",
        "alert id",
        ("console",),
        (("alerts", topics.ALERTS_GROUP),),
    ),
    topics.ALERTS: Channel(
        "alert-event",
        "A CloudEvent per change of an alert. Compacted: the source of truth of alert state.",
        "alert id",
        ("alerts",),
    ),
    topics.CHECKPOINTS: Channel(
        "checkpoint",
        "The analyzer's state of one partition of its input, with the offset that it is true for.",
        "<topic>/<partition>",
        ("analyzer",),
    ),
    topics.TRAINING_REQUESTS: Channel(
        "training-request",
        "A training that somebody asks for; idempotent by request_id.",
        "request id",
        (),
        (("trainer", topics.TRAINER_GROUP),),
    ),
    topics.TRAINING_PROGRESS: Channel(
        "training-progress",
        "How a training stands. Compacted: the last state of each stays.",
        "request id",
        ("trainer",),
    ),
    topics.DEAD_LETTERS: Channel(
        "dead-letter",
        "A message that could not be processed, with the reason and where it lay.",
        "key of the original message, if it had one",
        ("detector", "analyzer", "inspector", "alerts", "trainer"),
    ),
}


def asyncapi_document() -> dict[str, Any]:
    """The document, ready for JSON; schemas are referred to in the folder `schemas` beside it."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Wayside",
            "version": version("wayside"),
            "description": "The topics through which Wayside's services meet. docs/topics.md has the guarantees.",
            "license": {"name": "AGPL-3.0-or-later"},
        },
        "defaultContentType": "application/json",
        "channels": {spec.name: _channel(spec) for spec in topics.SPECS},
        "operations": _operations(),
        "components": {"messages": {channel.message: _message(channel) for channel in CHANNELS.values()}},
    }


def _channel(spec: TopicSpec) -> dict[str, Any]:
    channel = CHANNELS[spec.name]
    return {
        "address": spec.name,
        "summary": channel.summary,
        "description": f"Key: {channel.key}. Kept: {kept(spec)}.",
        "messages": {channel.message: {"$ref": f"#/components/messages/{channel.message}"}},
        "bindings": {
            "kafka": {
                "topic": spec.name,
                "partitions": spec.partitions,
                "topicConfiguration": _configuration(spec),
                "bindingVersion": BINDING_VERSION,
            }
        },
    }


def kept(spec: TopicSpec) -> str:
    """How long a topic keeps its messages, in words.

    >>> kept(TopicSpec("frames", 12, retention_s=21600, retention_bytes=1 << 30))
    '6 h, at most 1 GiB per partition'
    """
    if spec.latest_only:
        return "the last message of each key, for ever"
    if spec.compact:
        return "at least the last message of each key, for ever"
    parts = []
    if spec.retention_s is not None:
        whole_days = spec.retention_s % topics.DAY == 0
        parts.append(f"{spec.retention_s / (topics.DAY if whole_days else topics.HOUR):g} {'d' if whole_days else 'h'}")
    if spec.retention_bytes is not None:
        parts.append(f"{spec.retention_bytes / (1 << 30):g} GiB per partition")
    return ", at most ".join(parts) or "for ever"


def _configuration(spec: TopicSpec) -> dict[str, Any]:
    configs = topic_configs(spec)
    numbers = ("retention.ms", "retention.bytes", "delete.retention.ms", "max.message.bytes")
    return {"cleanup.policy": [configs["cleanup.policy"]]} | {
        name: int(configs[name]) for name in numbers if name in configs
    }


def _operations() -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for topic, channel in CHANNELS.items():
        where = {"channel": {"$ref": f"#/channels/{topic}"}}
        for service in channel.writers:
            operations[f"{service}-sends-{topic}"] = {"action": "send", **where}
        for service, group in channel.readers:
            kafka = {"groupId": {"type": "string", "enum": [group]}, "bindingVersion": BINDING_VERSION}
            operations[f"{service}-receives-{topic}"] = {"action": "receive", **where, "bindings": {"kafka": kafka}}
    return operations


def _message(channel: Channel) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": channel.message,
        "summary": channel.summary,
        "bindings": {
            "kafka": {"key": {"type": "string", "description": channel.key}, "bindingVersion": BINDING_VERSION}
        },
    }
    if channel.message == "frame":
        picture = {"type": "string", "format": "binary", "description": "the JPEG's bytes"}
        headers = {"$ref": "./schemas/frame-headers.schema.json"}
        return message | {"contentType": "image/jpeg", "headers": headers, "payload": picture}
    content_type = "application/cloudevents+json" if channel.message == "alert-event" else "application/json"
    return message | {
        "contentType": content_type,
        "payload": {"$ref": f"./schemas/{channel.message}.schema.json"},
    }
