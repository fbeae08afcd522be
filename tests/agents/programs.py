"""What each agent is told, and the programs that use agents which are libraries."""

from __future__ import annotations

GLANCES = """[mqtt]
host=127.0.0.1
port={port}
tls=false
user={machine}
password={secret}
topic=glances
devicename={machine}
topic_structure=per-metric
"""
PSMQTT = """logging:
  level: WARNING
mqtt:
  broker: {{host: 127.0.0.1, port: {port}, username: {machine}, password: {secret}}}
  publish_topic_prefix: psmqtt/{machine}/
  clientid: {machine}
schedule:
  - cron: "every 2 seconds"
    tasks:
      - task: virtual_memory
        params: [total]
      - task: disk_usage
        params: [percent, "|"]
      - task: disk_usage
        params: [percent, "/no-such-place"]
"""
COLLECTD = """Hostname "{machine}"
FQDNLookup false
Interval 2
BaseDir "{folder}"
PIDFile "{folder}/pid"
TypesDB "/usr/share/collectd/types.db"
LoadPlugin load
LoadPlugin memory
LoadPlugin uptime
LoadPlugin mqtt
<Plugin mqtt>
  <Publish "vigie">
    Host "127.0.0.1"
    Port {port}
    User "{machine}"
    Password "{secret}"
    ClientId "{machine}"
    QoS 1
    Prefix "collectd"
  </Publish>
</Plugin>
"""
SPARKPLUG = """
import time
import pysparkplug as p
at = int(time.time() * 1000)
M = lambda name, kind, value: p.Metric(timestamp=at, name=name, datatype=kind, value=value)
node = p.EdgeNode("G", "{machine}", (M("temp", p.DataType.DOUBLE, 41.5), M("small", p.DataType.INT8, -12),
                                     M("fw", p.DataType.STRING, "2.71")),
                  client=p.Client(username="{machine}", password="{secret}"))
node.connect("127.0.0.1", port={port})
time.sleep(1)
node.register(p.Device("raid0", (M("realloc", p.DataType.INT32, 3),)))
time.sleep(1)
node.disconnect()
"""
THINGSBOARD = """
import os, time
import tb_device_mqtt as tb
tb.TELEMETRY_TOPIC = "vigie/{machine}/thingsboard/" + tb.TELEMETRY_TOPIC
tb.ATTRIBUTES_TOPIC = "vigie/{machine}/thingsboard/" + tb.ATTRIBUTES_TOPIC
client = tb.TBDeviceMqttClient("127.0.0.1", {port}, username="{machine}", password="{secret}", client_id="{machine}")
client.connect()
time.sleep(1)
client.send_telemetry({{"temperature": 41.9, "enabled": True, "firmware": "v1.2.2"}})
client.send_attributes({{"model": "DHT-22"}})
time.sleep(2)
client.disconnect()
os._exit(0)
"""
THINGSBOARD_GATEWAY = """
import os, time
import tb_gateway_mqtt as tb
for what in ("TELEMETRY_TOPIC", "ATTRIBUTES_TOPIC", "MAIN_TOPIC"):
    setattr(tb, "GATEWAY_" + what, "vigie/{machine}/thingsboard/" + getattr(tb, "GATEWAY_" + what))
gateway = tb.TBGatewayMqttClient("127.0.0.1", {port}, username="{machine}", password="{secret}", client_id="{machine}")
gateway.connect()
time.sleep(1)
gateway.gw_connect_device("by-tb-device")
now = int(time.time() * 1000)
gateway.gw_send_telemetry("by-tb-device", {{"ts": now, "values": {{"temperature": 21.5, "on": False}}}})
gateway.gw_send_telemetry("by-hand", {{"temperature": 99}})
gateway.gw_send_attributes("by-tb-device", {{"model": "DHT-11"}})
time.sleep(2)
gateway.gw_disconnect_device("by-tb-device")
gateway.disconnect()
os._exit(0)
"""
OTEL = """
import base64
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
word = base64.b64encode(b"{machine}:{secret}").decode()
exporter = OTLPMetricExporter("http://127.0.0.1:{web}/v1/metrics", headers={{"Authorization": "Basic " + word}},
                              compression=Compression.Gzip)
provider = MeterProvider([PeriodicExportingMetricReader(exporter)], Resource.create({{"host.name": "{machine}"}}))
meter = provider.get_meter("probe")
meter.create_counter("hits").add(3, {{"route": "/a"}})
meter.create_gauge("system.memory.utilization").set(0.25, {{"state": "used"}})
provider.shutdown()
"""
WEB = """
from app import create_app
from app.front import utc_now
create_app(settings, clock=utc_now).run(host="127.0.0.1", port={web}, threaded=True)
"""
