"""Who may use which topic at the broker: the rules as Mosquitto reads them, and for a broker that cannot. Plain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from telemetry.formats import sparkplug
from telemetry.formats.sources import BEHIND_OURS, SOURCES, Source

DROPPED: Final = "$SYS/broker/publish/messages/dropped"
_NAMELESS: Final = ("v1/devices/me/", "v1/gateway/", "v2/")
# Users of the house beside the bridge, by the bridge's secret: one connection a user, and the bridge's must not end.
CHECK_USER: Final = "vigie-check"  # may do nothing at all
HEARD_USER: Final = "vigie-heard"  # may do nothing; let in by its newest secret, it shows that the files were read
RECORD_USER: Final = "vigie-record"  # may read what the bridge reads: `vigie record`
HOST_USER: Final = "vigie-primary"  # says that Sparkplug's primary host is gone, to nodes of 2.2
STATE_2_2: Final = "STATE/vigie"  # where they look for it
# What lies below what we say to a machine. Denied, as a rule that grants whatever is deeper reaches it.
_OURS_BELOW: Final = ("vigie/%u/receipt/+/#", "vigie/%u/ask/+/#")
_READS: Final = ("vigie/%u/receipt", "vigie/%u/ask", "spBv1.0/+/NCMD/%u", "spBv1.0/STATE/+", "STATE/+")


@dataclass(frozen=True, slots=True)
class OpenTopic:
    """A topic filter that a declared mapping brings, and its level (from 0) that is the machine's name."""

    filter: str
    machine: int


def rules(
    bridge_user: str,
    others: Iterable[tuple[str, str]] = (),
    *,
    nameless: bool = False,
    mapped: Sequence[OpenTopic] = (),
) -> str:
    """The ACL file: a machine writes under its own name only, and never what we say to it, which it reads.

    What is behind its name is granted word by word, because a denial of `receipt` and `ask` would keep their reader out
    too; deeper topics are all granted but those below these two, so that an agent nobody has a format for is told of as
    a dead letter. Denials are asked first, wherever they stand. `%u` is the user name, and machine names cannot hold a
    wildcard (models.machines.MACHINE_NAME). `others` are further user names of machines, and gateways that speak for
    them, (user, machine): what holds for the machine is written out for each. `nameless`: the broker has the plugin
    that puts the user into topics which name nobody, once they were allowed. `mapped`: topics of declared mappings.
    """
    own = [("deny", filter_) for filter_ in _OURS_BELOW]
    own += [("write", "vigie/%u/report"), ("write", "vigie/%u/+/+/#")]  # the commonest first: the broker asks in order
    own += [("write", f"vigie/%u/{word}") for word in BEHIND_OURS if word != "report"]
    own += [("read", filter_) for filter_ in _READS]
    own += [("write", filter_) for source in SOURCES for filter_ in _spoken(source)]
    own += [("write", _own_level(topic.filter, topic.machine)) for topic in mapped]
    heard = bridge_topics()
    heard += [topic.filter for topic in mapped if not any(is_within(topic.filter, wider) for wider in heard)]
    own += [("write", f"{topic}#") for topic in (_NAMELESS if nameless else ())]
    lines = [f"pattern {what} {filter_}" for what, filter_ in own]
    for user, machine in others:
        lines += ["", f"user {user}", *(f"topic {what} {filter_.replace('%u', machine)}" for what, filter_ in own)]
    lines += [
        "",
        f"user {bridge_user}",
        *(f"topic read {topic}" for topic in heard),
        "topic write vigie/+/receipt",
        "topic write vigie/+/status",  # to take back what it retains of a machine that is gone
        "topic write vigie/+/ask",
        "topic write spBv1.0/+/NCMD/+",
        "topic write spBv1.0/STATE/+",  # whether the primary host is there
        "topic write STATE/+",
        "",
        f"user {HOST_USER}",
        f"topic write {STATE_2_2}",
        "",
        f"user {RECORD_USER}",
        *(f"topic read {topic}" for topic in heard),
    ]
    return "\n".join(lines) + "\n"


def bridge_topics() -> list[str]:
    """What the bridge always subscribes to: what any machine may write, and the broker's count of dropped messages."""
    return ["vigie/#", *(source.filter for source in SOURCES), DROPPED]


@dataclass(frozen=True)
class Access:
    """What the ACL file says, for a broker that cannot read it itself."""

    patterns: Sequence[tuple[str, str]]  # (read, write or deny, filter with %u)
    topics: dict[str, list[tuple[str, str]]]  # user → (read, write or deny, filter)

    def allows(self, user: str, deed: str, topic: str) -> bool:
        """Whether `user` may `deed` (read, write) on this topic, which holds no wildcard; a denial goes first."""
        told = self._of(user)
        if any(what == "deny" and topic_matches(filter_, topic) for what, filter_ in told):
            return False
        return any(what == deed and topic_matches(filter_, topic) for what, filter_ in told)

    def foresees(self, user: str, filter_: str) -> bool:
        """Whether everything `filter_` asks for is something `user` may read."""
        if filter_.startswith("$share/"):
            filter_ = filter_.split("/", 2)[-1]
        return any(is_within(filter_, granted) for what, granted in self._of(user) if what == "read")

    def _of(self, user: str) -> list[tuple[str, str]]:
        return [*((what, filter_.replace("%u", user)) for what, filter_ in self.patterns), *self.topics.get(user, [])]


def read_rules(text: str) -> Access:
    """Read the subset of Mosquitto's ACL language that `rules` writes."""
    patterns: list[tuple[str, str]] = []
    topics: dict[str, list[tuple[str, str]]] = {}
    user = ""
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "user":
            user = rest
        elif word in ("pattern", "topic"):
            what, _, filter_ = rest.partition(" ")
            (patterns if word == "pattern" else topics.setdefault(user, [])).append((what, filter_))
    return Access(patterns, topics)


def as_own(user: str, topic: str) -> str:
    """Where a message belongs that does not say whose it is: ThingsBoard's devices are named by their sign-in only."""
    return f"vigie/{user}/thingsboard/{topic}" if topic.startswith(_NAMELESS) else topic


def topic_matches(filter_: str, topic: str) -> bool:
    """As MQTT 3.1.1 section 4.7 matches a topic: a wildcard at the front does not reach topics that begin with $."""
    wanted, levels = filter_.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("#", "+"):
        return False
    for i, word in enumerate(wanted):
        if word == "#":
            return True
        if i >= len(levels) or word not in ("+", levels[i]):
            return False
    return len(levels) == len(wanted)


def is_within(filter_: str, wider: str) -> bool:
    """Whether every topic of `filter_` is one of `wider`."""
    asked, granted = filter_.split("/"), wider.split("/")
    for i, word in enumerate(granted):
        if word == "#":
            return True
        if i >= len(asked) or asked[i] == "#" or (word != "+" and asked[i] != word):
            return False
    return len(asked) == len(granted)


def _spoken(source: Source) -> list[str]:
    """Where a machine may speak a format. Of Sparkplug's kinds those of nodes: commands stand at the same level, and
    are what we say to it; a gateway could else command whom it speaks for."""
    own = _own_level(source.filter, source.machine)
    if source.format != sparkplug.FORMAT:
        return [own]
    namespace, group, _, *rest = own.split("/")
    return ["/".join((namespace, group, kind, *rest)) for kind in sparkplug.OF_NODES]


def _own_level(filter_: str, level: int) -> str:
    words = filter_.split("/")
    words[level] = "%u"
    return "/".join(words)
