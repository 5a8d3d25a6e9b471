"""Real servers as child processes: Redis and Apache Kafka, for one machine, demos and tests."""
