"""Every setting of every process, with its meaning. Read once at a door and handed down; nothing else reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url


class Settings(BaseSettings):
    """Settings come from `VIGIE_…` variables, or from files of the same name in `/run/secrets`."""

    model_config = SettingsConfigDict(env_prefix="VIGIE_", frozen=True, extra="ignore", env_ignore_empty=True)

    data: Path = Field(Path(".vigie"), description="the folder that holds all state")
    database_url: str = Field(
        "", description="PostgreSQL; the user name is replaced by the role of the process when it reads {role}"
    )
    demo: bool = Field(False, description="whether the demo fleet is played")
    canary: bool = Field(False, description="whether a canary breaks on purpose, to measure detection latency")

    # the front door
    host: str = Field("127.0.0.1", description="address the web server listens on")
    port: int = Field(8080, ge=0, le=65535, description="port of the web server")
    public_url: str = Field("", description="address people reach us under; http://HOST:PORT when empty")
    trusted_proxies: int = Field(0, ge=0, le=3, description="how many reverse proxies stand in front of us")
    session_idle_s: int = Field(12 * 3600, ge=60, description="a sign-in ends after so long without a request, seconds")
    session_max_s: int = Field(7 * 86400, ge=60, description="a sign-in ends after so long in any case, seconds")

    # MQTT
    mqtt_host: str = Field("127.0.0.1", description="address of the MQTT broker")
    mqtt_port: int = Field(18830, ge=0, le=65535, description="port of the MQTT broker")
    mqtt_broker: Literal["auto", "mosquitto", "embedded"] = Field(
        "auto", description="which broker `vigie broker` starts: Mosquitto where installed, else the loopback one"
    )
    mqtt_tls_host: str = Field("0.0.0.0", description="address the broker's TLS doors listen on")
    mqtt_tls_port: int = Field(0, ge=0, le=65535, description="TLS door for machines with a secret; 0: none")
    mqtt_cert_port: int = Field(0, ge=0, le=65535, description="TLS door for machines with a certificate; 0: none")
    mqtt_public_host: str = Field("", description="host name machines reach the broker under; MQTT_HOST when empty")
    mqtt_ca: Path | None = Field(
        None,
        description="CA certificate the bridge and `vigie check` check the broker by; empty: they speak without TLS",
    )
    pki: Path | None = Field(None, description="folder of our own authority; DATA/pki when empty")
    mqtt_username: str = Field("vigie-bridge", description="the bridge's own user")
    mqtt_password_file: Path | None = Field(None, description="the bridge's secret; DATA/mqtt/bridge.secret when empty")
    bridge_name: str = Field("bridge", description="client id of the bridge's session; one a broker")
    mqtt_reading: Literal["quick", "stock"] = Field(
        "quick", description="how the bridge reads the network: in large pieces, or by paho's own loop"
    )

    # the log
    log: Literal["postgres", "kafka"] = Field("postgres", description="where the bridge writes and the watcher reads")
    kafka_servers: str = Field("", description="bootstrap servers, host:port separated by commas")
    kafka_topic: str = Field("vigie.telemetry", description="topic of the telemetry log")
    partitions: int = Field(4, ge=1, le=1024, description="partitions of the log; a machine stays in one")

    # watching
    flush_s: float = Field(5.0, gt=0, le=60, description="how long readings may wait before they are stored, seconds")
    snapshot_s: float = Field(60.0, gt=0, description="how often detector state is saved, seconds")
    future_tolerance_s: float = Field(
        300.0, ge=0, description="a report dated further ahead than this is refused, seconds"
    )
    log_keep_s: float = Field(6 * 3600, gt=0, description="how long the embedded log keeps what every reader has read")

    # telling people
    mail_from: str = Field("Vigie <vigie@localhost>", description="sender of our mail")
    smtp_url: str = Field("", description="smtp://user:secret@host:port or smtps://…; empty: mail goes to DATA/mail")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="signs outgoing webhooks, whsec_…; several with a comma between; made at first start"
    )
    webhook_allow_private: bool = Field(
        False, description="whether webhooks may reach private addresses; for trials only"
    )

    providers_file: Path | None = Field(
        None, description="declarations of SMS and voice providers, JSON; DATA/providers.json when empty"
    )
    pagerduty_url: str = Field(
        "https://events.pagerduty.com", description="where events for PagerDuty go; another for their European region"
    )
    pagerduty_secret: SecretStr = Field(
        SecretStr(""), description="of PagerDuty's own webhook to /in/pagerduty/webhook; several with a comma between"
    )
    heartbeat_url: str = Field(
        "", description="asked once a minute while the desk is well; a service there raises the alarm when it stops"
    )
    alarm_url: str = Field(
        "", description="a webhook that hears of what is wrong with the desk itself, beside operators"
    )

    log_format: Literal["plain", "json"] = Field("plain", description="plain at the desk, json in service")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least serious event written")

    @field_validator("data")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    def database_for(self, role: Literal["web", "worker", "owner"]) -> str:
        """The database address for a role: `vigie_web`, `vigie_worker` or `vigie_owner` in place of `{role}`."""
        if not self.database_url:
            raise ValueError("VIGIE_DATABASE_URL is not set: `vigie up` sets it, or name your PostgreSQL there")
        url = make_url(self.database_url.replace("{role}", f"vigie_{role}"))
        if url.get_backend_name() != "postgresql":
            raise ValueError(f"VIGIE_DATABASE_URL must name a PostgreSQL database, not {url.get_backend_name()}")
        return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)

    @property
    def address(self) -> str:
        """The address people reach us under, without a final slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def mqtt_line(self) -> tuple[str, int, Path | None]:
        """Where the bridge and `vigie check` find the broker, and the CA to check it by when they speak TLS."""
        port = self.mqtt_tls_port if self.mqtt_ca is not None and self.mqtt_tls_port else self.mqtt_port
        return self.mqtt_host, port, self.mqtt_ca

    @property
    def pki_folder(self) -> Path:
        """Where our own authority lives, if we have one."""
        return self.pki or self.data / "pki"

    @property
    def bridge_secret(self) -> Path:
        """Where the bridge's own MQTT secret lies."""
        return self.mqtt_password_file or self.data / "mqtt" / "bridge.secret"
