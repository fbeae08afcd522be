"""The broker our Kafka tests run against is a real one: what it confirms, it hands back."""

from __future__ import annotations

from kafka import KafkaConsumer, KafkaProducer


def test_a_confirmed_record_is_read_back(kafka: str) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    confirmed = producer.send("is-real", b"hello").get(timeout=30)
    producer.close()
    consumer = KafkaConsumer(
        "is-real", bootstrap_servers=kafka, auto_offset_reset="earliest", consumer_timeout_ms=20000
    )
    found = next(iter(consumer))
    consumer.close()
    assert (found.offset, found.value) == (confirmed.offset, b"hello")
