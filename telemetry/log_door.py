"""Which door to the log: Kafka or a PostgreSQL table, as the settings say. Only the door in use is imported."""

from __future__ import annotations

from typing import Literal

from telemetry.log import LogReader, LogWriter
from telemetry.needs import Needs


def open_writer(settings: Needs, role: Literal["web", "worker"] = "worker") -> LogWriter:
    """The writer the settings ask for; `role` is whom it is at the database, where the log is one."""
    if settings.log == "kafka":
        from telemetry.log_kafka import KafkaWriter

        return KafkaWriter(settings.kafka_servers, settings.kafka_topic, settings.partitions)
    from telemetry.log_postgres import PostgresWriter

    return PostgresWriter(settings.database_for(role))


def open_reader(settings: Needs, reader: str, owner: str) -> LogReader:
    """The reader the settings ask for; `owner` names this process among those that share `reader`'s partitions."""
    if settings.log == "kafka":
        from telemetry.log_kafka import KafkaReader

        seat = owner.split("/")[0]
        return KafkaReader(settings.kafka_servers, settings.kafka_topic, settings.partitions, reader, seat)
    from telemetry.log_postgres import PostgresReader

    return PostgresReader(settings.database_for("worker"), settings.partitions, reader, owner)
