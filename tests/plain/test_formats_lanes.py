"""What is understood by its likeness to what came before is what its parser says, to the last name and bit."""

from __future__ import annotations

import random

import pytest

from telemetry.formats import Decoder, lanes, patterns
from telemetry.formats.mapped import compiled
from telemetry.formats.route import Route
from telemetry.formats.sources import PARSERS
from telemetry.reading import Heard, Reading, Refused

NOW = 1_790_000_000_000
SPEC = {"name": "ours", "topic": "telemetry/site/{machine}/temp", "value": [{"path": "$", "metric": "celsius"}]}
Message = tuple[str, bytes]


class Careful(Decoder):
    """Asks the parsers each time."""

    def __init__(self) -> None:
        super().__init__()
        self._lanes.learn = lambda *_: None  # type: ignore[method-assign]


def said(decoder: Decoder, message: Message, at: int) -> list[Heard] | tuple[str, list[Heard]]:
    try:
        return decoder.decode(*message, at)
    except Refused as refused:
        return str(refused), list(refused.heard)


def number(rng: random.Random) -> str:
    return rng.choice([
        f"{rng.uniform(-9, 99):.2f}", str(rng.randint(-5, 10**12)), "-0", "0.0", "5e3", "1.6624e+10", "nan", "1e999",
        "", "9" * 25, "7", "true", "0x1", "1_0", " 3", "3.", ".5", "12,5", "3\0", "５",
    ])  # fmt: skip


def stamped(rng: random.Random, at: int, said: list[str]) -> str:
    """Values beside their instant, as ThingsBoard's devices send them; one of six with something odd about it."""
    ts = rng.choice([str(at)] * 30 + ["true", "0", f"{at}.5", f'"{at}"', f"{at + 10**7}", "1e400", "null"])
    more = rng.choice([""] * 30 + [',"c":1', ',"ts":5', ',"values":{"a":1}'])
    values = f'"a":{said[0]},"b":{said[1]}' + rng.choice([""] * 30 + [f',"a":{said[2]}', ',"d":"x:y"', ',"d":{"e":1}'])
    return f'{{"ts":{ts},"values":{{{values}}}{more}}}'


def agents(rng: random.Random, i: int) -> Message:
    """A message such as agents send: nearly always like the last of its topic."""
    good = rng.random() < 0.9
    said = [f"{rng.uniform(-9, 99):.2f}" if good else number(rng) for _ in range(4)]
    k, machine = rng.randrange(4), rng.choice(["m", "n"])
    at = NOW + i * 300 + rng.choice([0, 0, 0, 5, -4000])
    fields = ",".join(f"f{j}={v}{'i' if '.' not in v else ''}" for j, v in enumerate(said))
    stamp = rng.choice([f" {at * 1_000_000}"] * 5 + ["", f" {at // 1000}", " 99999999999999999"])
    text = rng.choice(["", "", f',z="a {k}=5"'])
    perf = " ".join(f"'l {j}'={v}{('%', 'c', '', 'ms')[j]};80;90;0;{k}" for j, v in enumerate(said))
    prom = "".join(
        f'# TYPE a{j} {rng.choice(["gauge", "gauge", "counter"])}\na{j}{{d="s 5"}} {v}\n' for j, v in enumerate(said)
    )
    return rng.choice([
        (f"glances/{machine}/cpu/field{k}", said[0].encode()),
        (f"glances/{machine}/net/eth0/bytes_gauge", said[0].encode()),
        (f"psmqtt/{machine}/net_io_counters/bytes_sent/{k}", said[0].encode()),
        (f"telemetry/site/{machine}/temp/{k}", said[0].encode()),
        (f"linux2mqtt/{machine}/cpu/state", said[0].encode()),
        (f"collectd/{machine}/load/load-{k}", f"{at / 1000:.3f}:{said[0]}\0".encode()),
        (f"collectd/{machine}/load/load", f"{at / 1000:.3f}:{':'.join(said[:3])}\0".encode()),
        (f"telegraf/{machine}/system", f"system,host={machine},cpu=cpu{k} {fields}{stamp}\n".encode()),
        (f"telegraf/{machine}/many", f"a,t=1 x={said[0]}{stamp}\nb,t=2 x={said[1]},y=t{text}{stamp}\n".encode()),
        (f"telegraf/{machine}/cpu/field{k}", said[0].encode()),
        (f"prometheus/{machine}/node", prom.encode()),
        (f"nagios/{machine}/check all/{k}", f"OK - 5=5 fine | {perf}".encode()),
        (f"vigie/{machine}/thingsboard/telemetry", f'{{"a":{said[0]},"b":{said[1]},"c.d":7}}'.encode()),
        (f"vigie/{machine}/thingsboard/v1/devices/me/telemetry", stamped(rng, at, said).encode()),
        (f"glances/{machine}/network", f'{{"a":{said[0]},"rx_gauge":{said[1]},"x\\u003ay":{said[2]}}}'.encode()),
        (f"glances/{machine}/mem", f'{{"a":{said[0]},"b":{said[1]},"b_careful":{said[2]},"t":"x"}}'.encode()),
        (f"glances/{machine}/fs", f'{{"a":{said[0]},"b":{k}}}'.encode()),
    ])  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_a_stream_of_agents_is_understood_as_if_each_message_were_the_first(seed: int) -> None:
    rng = random.Random(seed)
    quick, careful = Decoder(), Careful()
    for i in range(4_000):
        at = NOW + i * 300
        message = agents(rng, i)
        assert repr(said(quick, message, at)) == repr(said(careful, message, at)), message
        if i % 50 == 0:
            assert repr(quick.flush(at)) == repr(careful.flush(at))
    assert repr(quick.flush()) == repr(careful.flush())


@pytest.mark.parametrize(("topic", "said"), [
    ("telegraf/m/cpu", "cpu,host=m,cpu=cpu0 user={0},system={1},n=5i {2}000000000\n"),
    ("prometheus/m/node", "# TYPE a counter\na{{d=\"x\"}} {0}\nb {1}\n"),
    ("nagios/m/load/0", "OK | load1={0};5;10 load5={1}%;5;10"),
])  # fmt: skip
def test_texts_like_those_before_are_not_parsed_again(topic: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, asked = Decoder(), []
    learn = lanes.Lanes.learn
    monkeypatch.setattr(lanes.Lanes, "learn", lambda self, *given: (asked.append(1), learn(self, *given)))
    for i in range(20):
        decoder.decode(topic, said.format(i + 0.5, i, NOW // 1000 + 10 * i).encode(), NOW + i * 10_000)
    assert len(asked) == 2  # once, and once more because it came again


@pytest.mark.parametrize(("topic", "text"), [
    ("telegraf/m/many", "a,t=c x={0},n=5i {2}000000000\nb,t=d1_2 y={1} {2}000000000\n"),
    ("prometheus/m/node", '# TYPE a counter\na{{d="s 5"}} {0}\nb_5 {1}\n'),
    ("nagios/m/load/0", "OK | l1={0}%;5;10 'l 5'={1}c;5;10"),
])  # fmt: skip
def test_a_text_met_often_is_told_from_every_one_that_differs_in_a_byte(topic: str, text: str) -> None:
    quick, careful, at = Decoder(), Careful(), NOW
    for i in range(patterns.OFTEN + 3):
        at += 10_000
        message = topic, text.format(i + 0.5, -i, at // 1000).encode()
        quick.decode(*message, at)
    [(expression, _)] = quick._lanes._lanes[topic].expressed
    whole = message[1]
    assert patterns.matched(expression, whole) is not None
    careful.decode(*message, at)
    for place in range(len(whole)):
        for other in (b"", b"7", b".", b"=", b" ", b"\n", b"i", b"e", b"\0", b"11"):
            at += 10_000
            damaged = topic, whole[:place] + other + whole[place + 1 :]
            assert repr(said(quick, damaged, at)) == repr(said(careful, damaged, at)), damaged


@pytest.mark.parametrize(("topic", "said", "metrics"), [
    ("v1/devices/me/telemetry", '{{"ts":{2}000,"values":{{"a":{0},"b":{1}}}}}', {"a": 19.5, "b": 19.0}),
    ("v1/devices/me/telemetry", '{{"a":{0},"b":{1}}}', {"a": 19.5, "b": 19.0}),
    ("glances/m/network", '{{"rx_gauge":{0},"tx":{1}}}', {"network.rx_gauge": 19.5, "network.tx": 19.0}),
])  # fmt: skip
def test_objects_like_the_one_before_are_not_parsed_again(
    topic: str, said: str, metrics: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = f"vigie/m/thingsboard/{topic}" if topic.startswith("v1") else topic
    decoder, asked, heard = Decoder(), [], list[Heard]()
    learn = lanes.Lanes.learn
    monkeypatch.setattr(lanes.Lanes, "learn", lambda self, *given: (asked.append(1), learn(self, *given)))
    for i in range(20):
        heard += decoder.decode(topic, said.format(i + 0.5, i, NOW // 1000 + 10 * i).encode(), NOW + i * 10_000)
    heard += decoder.flush()
    assert len(asked) == 1
    assert isinstance(last := heard[-1], Reading)
    assert (last.metrics, last.at_ms) == (metrics, NOW + 190_000)
    assert last.counters == frozenset(name for name in metrics if name.endswith("_gauge"))


def test_an_object_of_which_something_is_left_out_is_asked_about_once() -> None:
    decoder, asked = Decoder(), []
    parse = PARSERS["glances"]
    for i in range(5):
        said = b'{"percent":%d,"percent_careful":50}' % i
        assert decoder.decode("glances/m/mem", said, NOW + i * 10_000) is not None
        route = Route("glances/m/mem", "m", ("mem",), NOW + i * 10_000)
        decoder._lanes.learn(
            route, "glances", said, parse(route, said), lambda *given: (asked.append(1), parse(*given))[1]
        )
    assert not asked


@pytest.mark.parametrize(("topic", "said", "cut"), [
    ("prometheus/m/node", b"# TYPE a gauge\na 1\nb 2\n", b"# TYPE a gauge\na\0\nb 2\n"),
    ("nagios/m/load/0", b"OK | l=1;5 m=2;5", b"OK | l\0;5 m=2;5"),
    ("telegraf/m/cpu", b"cpu a=1,b=2\n", b"cpu a\0,b=2\n"),
])  # fmt: skip
def test_a_nul_in_place_of_a_number_does_not_pass_for_one(topic: str, said: bytes, cut: bytes) -> None:
    quick, careful = Decoder(), Careful()
    for i in range(4):
        quick.decode(topic, said, NOW + i * 10_000)
        careful.decode(topic, said, NOW + i * 10_000)
    assert repr(_answer(quick, (topic, cut))) == repr(_answer(careful, (topic, cut)))


def _answer(decoder: Decoder, message: Message) -> object:
    return said(decoder, message, NOW + 50_000)


def test_a_topic_that_is_mapped_meanwhile_says_what_the_mapping_says() -> None:
    decoder = Decoder()
    for i in range(3):
        decoder.decode("telemetry/site/m/temp", b"21.5", NOW + i * 10_000)
    decoder.flush()
    decoder.mappings = (compiled(SPEC),)
    (reading,) = decoder.decode("telemetry/site/m/temp", b"22.5", NOW + 60_000)
    assert isinstance(reading, Reading)
    assert reading.metrics == {"celsius": 22.5}
