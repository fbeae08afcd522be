"""The MQTT broker of a trial on one machine, where Mosquitto is not installed."""
