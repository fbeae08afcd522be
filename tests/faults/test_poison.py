"""Faults 18, 19 and 20: one poisoned record, a log that no longer reaches back, and a model that is gone or slow."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from sqlalchemy import delete, func, select, text, update

from models.artefacts import ModelArtefact
from models.session import SYSTEM, work
from models.telemetry import DeadLetter, LogPosition, LogRecord, ProcessBeat
from tests.faults import killpoint
from tests.faults.ledgers import stored_count
from tests.faults.trial import Trial
from tests.rig import until

POISON = b'{"seq": 1, "metrics": {"a": NaN}}'


def letters(trial: Trial) -> int:
    with work(trial.rig.sessions, SYSTEM) as session:
        return int(session.scalar(select(func.count(DeadLetter.id))) or 0)


def position(trial: Trial, partition: int) -> int:
    with work(trial.rig.sessions, SYSTEM) as session:
        row = session.scalar(
            select(LogPosition.position).where(LogPosition.reader == "watch", LogPosition.partition == partition)
        )
    return row or 0


@pytest.mark.timeout(900)
def test_18_a_poisoned_record_goes_alone_and_waits_while_its_door_is_down(trial: Trial) -> None:
    machines = trial.enrol("plant-a")
    _, (watcher,) = trial.start()
    (speaker,) = trial.connect(machines)
    speaker.say(250)
    speaker.tell("vigie/plant-a/report", POISON)
    speaker.say(249)
    until(lambda: letters(trial) == 1, "it is diverted", 180)
    until(lambda: _stored_all(trial), "its 499 neighbours are stored", 180)
    with work(trial.rig.sessions, SYSTEM) as session:
        session.execute(text("SET LOCAL lock_timeout = '5s'"))
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        session.execute(text("LOCK TABLE dead_letters IN ACCESS EXCLUSIVE MODE"))
        home = trial.log()[0].partition
        speaker.tell("vigie/plant-a/report", POISON)
        until(lambda: speaker.is_done, "it is acknowledged", 180)
        speaker.say(100)
        until(lambda: "watch.store_failed" in watcher.words, "the watcher says that it cannot go on", 180)
        before = position(trial, home)
        end = time.monotonic() + trial.pace(3, 180)
        while time.monotonic() < end:
            if not watcher.alive:  # after several tries it ends, and the supervisor starts it again
                watcher = trial.rig.watch("watch-1")
            time.sleep(0.2)
        assert position(trial, home) == before
        assert "dead_letters" in watcher.words or "timeout" in watcher.words
    if not watcher.alive:
        trial.rig.watch("watch-1")
    until(lambda: letters(trial) == 2, "the second one is diverted, too", 180)
    trial.settle()
    trial.faults = ["one poisoned record in 500", f"the door for dead letters down {trial.pace(3, 180):.0f} s"]
    trial.counts["diverted"] = letters(trial)
    history = trial.history()
    assert history.counted[0].refused == 2
    trial.verdict(history)


PLANTED = """
from telemetry import watch, watching
feed = watching.Watching.feed
def failing(self, heard):
    if any(66.6 in getattr(each, "metrics", {}).values() for each in heard):
        raise ArithmeticError("poison")
    return feed(self, heard)
watching.Watching.feed = failing
watch.main(settings, "watch-1")
"""


@pytest.mark.timeout(900)
def test_18_a_word_that_scoring_fails_at_goes_alone_though_its_watcher_is_killed_once_it_was_found(
    trial: Trial,
) -> None:
    machines = trial.enrol("plant-a")
    _, (watcher,) = trial.start()
    (speaker,) = trial.connect(machines)
    watcher.kill()
    dying = trial.rig.start(killpoint.prelude("telemetry.watch:Watcher._begin_anew", "before", 2) + PLANTED)
    speaker.say(20)
    speaker.tell("vigie/plant-a/report", b'{"metrics": {"a": 66.6}}')
    speaker.say(20)
    until(lambda: not dying.alive, "it is killed when it has found the word, and before anything is stored", 180)
    assert "watch.set_apart" in dying.words
    assert letters(trial) == 0
    trial.rig.start(PLANTED)
    until(lambda: letters(trial) == 1, "the next one sets it apart", 180)
    trial.settle()
    trial.faults = ["a word that scoring fails at", "the watcher killed between finding it and storing"]
    trial.counts["set apart"] = letters(trial)
    history = trial.history()
    assert history.counted[0].refused == 1
    trial.verdict(history)


def _stored_all(trial: Trial) -> bool:
    return stored_count(trial.rig.sessions) >= trial.sent


@pytest.mark.timeout(900)
@pytest.mark.parametrize("log", ["kafka", "postgres"])
def test_19_a_log_that_no_longer_reaches_back_is_an_alarm_and_no_jump(
    trial: Trial, log: str, request: pytest.FixtureRequest
) -> None:
    if log == "kafka":
        trial.on_kafka(request.getfixturevalue("kafka"), partitions=1)
    trial.rig.extra["VIGIE_PARTITIONS"] = "1"
    machines = trial.enrol("plant-a")
    _, (watcher,) = trial.start()
    (speaker,) = trial.connect(machines)
    speaker.say(200)
    trial.settle()
    assert watcher.stop() == 0
    if log == "kafka":
        _forget_group(trial)
    speaker.say(100)
    trial.settle_log()
    watcher = trial.rig.watch("watch-1")
    trial.settle()  # without the group's offsets it goes on exactly where it stood: the position is ours
    trial.faults.append("the group deleted" if log == "kafka" else "restarted")
    trial.verdict(trial.history())

    assert watcher.stop() == 0
    stood, had = position(trial, 0), len(trial.history().stored or ())
    for _ in range(4):
        speaker.say(50)
        time.sleep(0.3)  # several records
    trial.settle_log()
    _cut_log(trial, stood + 2)
    watcher = trial.rig.watch("watch-1")
    until(lambda: not watcher.alive, "it ends", 180)
    assert watcher.process.returncode not in (0, -9)
    assert "watch.position_gone" in watcher.words
    assert position(trial, 0) == stood
    assert len(trial.history().stored or ()) == had
    trial.faults.append("records after the position deleted: it ended, and stored nothing beyond the gap")
    trial.say_passed()


def _forget_group(trial: Trial) -> None:
    topic = trial.rig.extra["VIGIE_KAFKA_TOPIC"]
    admin = KafkaAdminClient(bootstrap_servers=trial.kafka)
    try:
        until(lambda: _gone(admin, f"vigie-watch-{topic}"), "the group is gone", 180)
    finally:
        admin.close()


def _gone(admin: KafkaAdminClient, group: str) -> bool:
    """False while the group still has a member whose session has not run out."""
    try:
        admin.delete_groups([group])
    except KafkaError:
        return False
    return group not in str(admin.list_groups())


def _cut_log(trial: Trial, first: int) -> None:
    """Only records from `first` on stay in the log."""
    if trial.kafka:
        admin = KafkaAdminClient(bootstrap_servers=trial.kafka)
        try:
            admin.delete_records({TopicPartition(trial.rig.extra["VIGIE_KAFKA_TOPIC"], 0): first})
        finally:
            admin.close()
        return
    with work(trial.rig.sessions, SYSTEM) as session:
        session.execute(delete(LogRecord).where(LogRecord.partition == 0, LogRecord.position < first))


@pytest.mark.timeout(900)
def test_20_without_its_model_the_watch_stores_says_so_and_catches_up(trial: Trial) -> None:
    machines = trial.enrol("plant-a")
    _, (watcher,) = trial.start()
    (speaker,) = trial.connect(machines)
    speaker.speak(50)
    for harm in (_lose, _damage, _damage_artefacts):
        until(lambda: _snapshots(trial), "state was saved", 180)
        watcher.kill()
        harm(trial)
        watcher = trial.rig.watch("watch-1")
        count = speaker.acknowledged
        until(lambda: stored_count(trial.rig.sessions) > count, "reports are stored all the same", 180)  # noqa: B023
        trial.faults.append(harm.__doc__ or "")
    words = "".join(child.words for child in trial.rig.children)
    assert "watch.snapshot_unusable" in words
    watcher.kill()
    seconds = trial.pace(2.5, 5)
    slow = killpoint.slow("telemetry.watching:Watching.feed", seconds)
    watcher = trial.rig.start(
        f"{slow}import telemetry.watch_facts\ntelemetry.watch_facts.LATE_S = 2\n"
        "from telemetry import watch\nwatch.main(settings, 'watch-1')"
    )
    until(lambda: "late" in _degraded(trial), "it says that it is late", 180)
    watcher.kill()
    trial.rig.watch("watch-1")
    trial.settle(90)
    until(lambda: _degraded(trial) == "", "it says that all is well again", 180)
    trial.faults.append(f"{seconds:g} s per score")
    trial.verdict(trial.history())


def _snapshots(trial: Trial) -> bool:
    with work(trial.rig.sessions, SYSTEM) as session:
        return bool(session.scalar(select(func.count()).where(LogPosition.snapshot.is_not(None))))


def _lose(trial: Trial) -> None:
    """state and models deleted"""
    with work(trial.rig.sessions, SYSTEM) as session:
        session.execute(update(LogPosition).where(LogPosition.reader == "watch").values(snapshot=None))
        session.execute(delete(ModelArtefact))


def _damage(trial: Trial) -> None:
    """a byte of the saved state turned"""
    with work(trial.rig.sessions, SYSTEM) as session:
        for row in session.scalars(select(LogPosition).where(LogPosition.snapshot.is_not(None))):
            kept = bytearray(row.snapshot or b"")
            kept[trial.rng.randrange(3, len(kept))] ^= 0xFF
            row.snapshot = bytes(kept)


def _damage_artefacts(trial: Trial) -> None:
    """artefacts under a wrong digest"""
    with work(trial.rig.sessions, SYSTEM) as session:
        session.execute(update(ModelArtefact).values(digest="0" * 64))


def _degraded(trial: Trial) -> str:
    """What the watcher says of itself; a question mark while it says nothing fresh."""
    with work(trial.rig.sessions, SYSTEM) as session:
        beat = session.get(ProcessBeat, "watch-1")
        fresh = beat is not None and datetime.now(UTC) - beat.beat_at < timedelta(seconds=6)
        return str(beat.facts.get("degraded", "?")) if beat is not None and fresh else "?"
