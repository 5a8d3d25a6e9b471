"""The bus: topics with partitions by key, offsets and consumer groups. One interface, two technologies.

`base.py` is the interface, `kafka.py` speaks to Apache Kafka, `memory.py` serves one process. Both have the
same inner names (Bus, Producer, Consumer), and tests/contract/ runs one suite against both.
"""
