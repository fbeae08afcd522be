"""The lab: a demo fleet simulated from load and physics, played over the same MQTT as any real machine."""
