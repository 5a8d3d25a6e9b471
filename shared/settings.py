"""Settings of the services, from the environment (`WAYSIDE_…`) and flags; flags win."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.exceptions import ConfigError

MEMORY_EVERY_S = 0.4


class Settings(BaseSettings):
    """Every setting of every service; docs/settings.md lists them."""

    model_config = SettingsConfigDict(
        env_prefix="WAYSIDE_", env_parse_none_str="none", extra="ignore", frozen=True, protected_namespaces=()
    )

    site: Path = Field(Path("site.yaml"), description="site file")
    kafka: str = Field("127.0.0.1:9092", description="Kafka bootstrap servers, HOST:PORT[,HOST:PORT]")
    redis: str = Field("redis://127.0.0.1:6379/0", description="Redis URL")
    data: Path = Field(Path("data"), description="folder for evidence and embedded servers' data")
    log_level: str = Field("info", description="debug, info, warning or error")
    metrics_port: int = Field(0, ge=0, le=65535, description="port of /metrics, /healthz, /readyz; 0 for none")
    metrics_host: str = Field("127.0.0.1", description="address that the metrics port listens on")

    cameras: str = Field("", description="producer: camera ids to serve, comma-separated; empty for all")
    video_decoder: Literal["cpu", "cuda"] = Field(
        "cpu", description="producer: what decodes the cameras' streams; cuda: NVDEC, and the CPU what that cannot"
    )
    run: str | None = Field(None, description="producer: run id that the frames carry; none when live")

    model: str = Field(
        "wayside-n",
        description="detector: name or path of the weights; or of the registry: models:/NAME@ALIAS, which is followed "
        "while it runs, or models:/NAME/NUMBER",
    )
    registry: str = Field("registry", description="model registry: folder, or URL of an MLflow server")
    model_poll_s: float = Field(
        10.0, gt=0, le=3600, description="detector: seconds between two looks at what an alias of the registry means"
    )
    shadow: str = Field(
        "",
        description="detector: a model that runs beside the one in production, on the same frames, and is only "
        "compared: as in WAYSIDE_MODEL; none without it",
    )
    shadow_heads: str = Field(
        "",
        description="detector: heads that run in the shadow and are only compared with those of the same name: as in "
        "WAYSIDE_HEADS; on the shadow's model, without one on that of production",
    )
    shadow_share: float = Field(1.0, gt=0, le=1, description="detector: share of batches that the shadow sees as well")
    models: Path | None = Field(None, description="detector, training: a further folder to look for weights in")
    heads: str = Field(
        "",
        description="detector: heads by name, path or reference as in WAYSIDE_MODEL, with commas between; auto: all "
        "*.safetensors in the folder heads of the folders of weights; none without it",
    )
    heads_every_s: float = Field(
        1.0, ge=0, le=60, description="detector: seconds between two frames of a camera that the heads judge; 0: all"
    )
    memory_every_s: float = Field(
        MEMORY_EVERY_S,
        ge=0,
        le=10,
        description="detector: seconds between two looks of the memory of the empty road; 0: no memory",
    )
    trust_weights: bool = Field(
        False,
        description="detector, training: open .pt weights that hold more than layers; they can run any code of their "
        "author",
    )
    device: str = Field("auto", description="detector, training: auto, cpu, cuda or cuda:N")
    backend: Literal["auto", "torch", "onnx", "openvino", "tensorrt"] = Field(
        "torch",
        description="detector: what runs the model; auto: on a CPU what is fastest there, measured once per machine",
    )
    precision: Literal["auto", "float32", "bfloat16", "float16", "int8"] = Field(
        "auto",
        description="detector: type of the model's numbers; auto: float16 on CUDA, bfloat16 on a CPU with AMX; int8 in "
        "OpenVINO, once `wayside export` has made it",
    )
    compile: bool = Field(
        False,
        description="detector on CUDA: fuse the model's operations first; about a minute per shape of picture, once "
        "per machine, for passes that are up to twice as fast",
    )
    imgsz: int = Field(640, ge=160, le=1920, description="detector: longer side of the model's input, pixels")
    threads: int | None = Field(
        None, ge=1, le=256, description="detector: CPU threads of the model; none for all cores"
    )
    batch: int = Field(
        4,
        ge=1,
        le=256,
        description="detector: frames in one forward pass at most; 32 suits a GPU, a core takes 2"
        " (`wayside run` 12 or more)",
    )
    batch_wait_ms: int = Field(5, ge=0, le=1000, description="detector: longest wait of an idle model to fill a batch")
    min_score: float = Field(0.1, ge=0, le=1, description="detector: lowest score that is published")
    max_age_s: float | None = Field(
        5.0,
        gt=0,
        description="detector: a live frame older than this is never analysed; none to shed nothing, however late",
    )
    max_wait_s: float = Field(
        1.0,
        gt=0,
        le=60,
        description="detector: longest that a live frame waits for its turn; then its camera sheds the oldest, and "
        "lets the rest wait for a fifth of this until it has shed none for 10 s",
    )
    datasets: Path = Field(Path("datasets"), description="trainer: folder that holds the data of requested trainings")
    checkpoint_s: float = Field(
        5.0, ge=0, le=300, description="analyzer: seconds of work that a crash repeats at most; 0 for one batch"
    )
    latest_expiry_s: int = Field(30, ge=1, description="detector: life of the latest result in Redis")

    console_host: str = Field("127.0.0.1", description="console: address to listen on")
    console_port: int = Field(8080, ge=0, le=65535, description="console: port; 0 takes a free one")


def load_settings(**flags: Any) -> Settings:
    """Environment overlaid with the flags that are not None.

    Raises:
        ConfigError: a value that does not fit, naming the variable or flag.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        raise ConfigError(
            f"setting {name} (WAYSIDE_{name.upper()}): {first['msg']}, got {first.get('input')!r}"
        ) from None
