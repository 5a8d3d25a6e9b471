"""Real servers as child processes: Redis for the embedded default, Apache Kafka for `--kafka local` and tests."""
