"""The cast of the demo: invented customers, their sites, contacts and machines, and our own people on duty. Plain.

Every name here is made up; addresses are under `.example`, which no mail server will ever own (RFC 2606).
"""

from __future__ import annotations

from dataclasses import dataclass

from telemetry.lab.hardware import Build

SEED = 20260314  # any number; fixed, so that two people who look at the demo see the same fleet


@dataclass(frozen=True)
class Member:
    """A machine of the cast: what it is made of, what it does, and the site it stands at."""

    build: Build
    title: str
    site: str


@dataclass(frozen=True)
class Contact:
    """Somebody at the customer's; `may` as in `models.people.Person.may`."""

    name: str
    may: tuple[str, ...] = ("open",)


@dataclass(frozen=True)
class Place:
    """A site: IANA zone and ISO country."""

    name: str
    zone: str
    country: str
    inlet_c: float = 22.0  # °C at the front of the racks; a mill's cupboard is warmer than a machine room


@dataclass(frozen=True)
class House:
    """One demo customer. `expired`: its contract ended some weeks ago. `prefix` starts its machines' names."""

    slug: str
    name: str
    prefix: str
    tier: str
    language: str
    places: tuple[Place, ...]
    contacts: tuple[Contact, ...]
    machines: tuple[Member, ...]
    expired: bool = False


@dataclass(frozen=True)
class Colleague:
    """One of ours: a world zone (`unit`), a level, a time zone, and languages spoken."""

    name: str
    role: str
    level: str
    unit: str
    zone: str
    languages: tuple[str, ...]


ALL = ("open", "escalate", "sign")

# (suffix, role, what it does, rack, more about the box)
Row = tuple[str, str, str, str]


def _house(
    slug: str,
    name: str,
    prefix: str,
    tier: str,
    language: str,
    places: tuple[Place, ...],
    contacts: tuple[str, ...],
    rows: tuple[Row, ...],
    expired: bool = False,
) -> House:
    """A customer from one table of machines. Racks `A…` stand at the first place, `B…` at the second."""
    members = []
    for order, (suffix, role, title, rack) in enumerate(rows):
        place = places[0 if rack.startswith("A") else -1]
        build = Build(
            name=f"{prefix}-{suffix}",
            role=role,
            zone=place.zone,
            rack=f"{prefix.upper()} {rack}",
            cores={"gateway": 8, "web": 16, "batch": 32, "database": 24, "storage": 12}[role],
            mem_gb={"gateway": 32.0, "web": 64.0, "batch": 128.0, "database": 256.0, "storage": 96.0}[role],
            var_gb={"gateway": 120.0, "web": 200.0, "batch": 240.0, "database": 400.0, "storage": 160.0}[role],
            inlet_c=place.inlet_c,
            psus=1 if role == "gateway" and tier in ("bronze", "silver") else 2,
            cross_fed=role in ("gateway", "storage") and tier in ("gold", "platinum"),
            worn_sectors=4 if order % 7 == 3 else 0,  # a few disks carry old scars that mean nothing
        )
        members.append(Member(build, title, place.name))
    people = tuple(Contact(who, ALL if i == 0 else ("open",)) for i, who in enumerate(contacts))
    return House(slug, name, prefix, tier, language, places, people, tuple(members), expired)


HOUSES: tuple[House, ...] = (
    _house(
        "montcastel", "Verrerie de Montcastel", "vmc", "platinum", "fr",
        (Place("Four de Montcastel", "Europe/Paris", "FR", 24.0),),
        ("Solène Barbier", "Amaury Clavel"),
        (
            ("db-1", "database", "production database", "A1"),
            ("db-2", "database", "production database, replica", "A1"),
            ("mes-1", "batch", "furnace planning", "A1"),
            ("web-1", "web", "order portal", "A2"),
            ("web-2", "web", "order portal", "A2"),
            ("gw-1", "gateway", "plant gateway", "A2"),
            ("san-1", "storage", "archive and backup", "A2"),
        ),
    ),
    _house(
        "hvidsand", "Hvidsand Offshore Wind", "hvs", "platinum", "en",
        (Place("Esbjerg control", "Europe/Copenhagen", "DK"), Place("Platform Echo", "Europe/Copenhagen", "DK", 19.0)),
        ("Freja Lindqvist", "Mads Thorup"),
        (
            ("db-1", "database", "turbine records", "A1"),
            ("hist-1", "storage", "process history", "A1"),
            ("web-1", "web", "grid operator portal", "A1"),
            ("calc-1", "batch", "yield forecasts", "A1"),
            ("scada-1", "gateway", "turbine link, north", "B1"),
            ("scada-2", "gateway", "turbine link, south", "B1"),
            ("edge-1", "web", "platform services", "B1"),
        ),
    ),
    _house(
        "cedar-bluff", "Cedar Bluff Hospitals", "cbh", "platinum", "en",
        (Place("Cedar Bluff", "America/Chicago", "US"), Place("Marengo clinic", "America/Chicago", "US", 23.0)),
        ("Renata Okafor", "Dale Whitcomb"),
        (
            ("ehr-1", "database", "patient records", "A1"),
            ("ehr-2", "database", "patient records, replica", "A2"),
            ("img-1", "storage", "imaging archive", "A2"),
            ("app-1", "web", "ward application", "A1"),
            ("app-2", "web", "ward application", "A1"),
            ("night-1", "batch", "billing runs", "A2"),
            ("gw-1", "gateway", "clinic link", "B1"),
        ),
    ),
    _house(
        "tanjong", "Tanjong Straits Terminals", "tst", "platinum", "en",
        (Place("Terminal 3", "Asia/Singapore", "SG", 25.0),),
        ("Mei Lin Tay", "Arif Rahmat"),
        (
            ("tos-1", "database", "terminal operating system", "A1"),
            ("tos-2", "database", "terminal operating system, replica", "A1"),
            ("crane-1", "gateway", "crane link, quay 1", "A2"),
            ("crane-2", "gateway", "crane link, quay 2", "A2"),
            ("plan-1", "batch", "yard planning", "A1"),
            ("web-1", "web", "haulier booking", "A2"),
            ("cam-1", "storage", "gate cameras", "A2"),
        ),
    ),
    _house(
        "albhorn", "Käserei Albhorn", "kah", "gold", "en",
        (Place("Albhorn dairy", "Europe/Zurich", "CH", 21.0),),
        ("Ursina Caduff", "Beat Zgraggen"),
        (
            ("db-1", "database", "ripening and stock database", "A1"),
            ("line-1", "gateway", "filling line", "A1"),
            ("web-1", "web", "shop", "A1"),
            ("calc-1", "batch", "milk accounting", "A1"),
            ("nas-1", "storage", "files", "A1"),
        ),
    ),
    _house(
        "sawtooth", "Sawtooth Outfitters", "swo", "gold", "en",
        (Place("Boise warehouse", "America/Boise", "US", 23.0),),
        ("Hank Delacroix", "Imani Brooks"),
        (
            ("db-1", "database", "orders", "A1"),
            ("web-1", "web", "shop front", "A1"),
            ("web-2", "web", "shop front", "A1"),
            ("gw-1", "gateway", "warehouse scanners", "A1"),
            ("night-1", "batch", "stock and mailing", "A1"),
        ),
    ),
    _house(
        "ribadelmar", "Caja Ribadelmar", "crm", "gold", "en",
        (Place("Oficina central", "Europe/Madrid", "ES"),),
        ("Lucía Ferreiro", "Iago Outeiral"),
        (
            ("core-1", "database", "accounts", "A1"),
            ("core-2", "database", "accounts, replica", "A1"),
            ("web-1", "web", "customer site", "A1"),
            ("batch-1", "batch", "settlement", "A1"),
            ("vault-1", "storage", "archive", "A1"),
        ),
    ),
    _house(
        "corrib", "Corrib Valley Creamery", "cvc", "silver", "en",
        (Place("Headford creamery", "Europe/Dublin", "IE", 20.0),),
        ("Niamh Gallagher", "Cormac Daly"),
        (
            ("db-1", "database", "farm records", "A1"),
            ("web-1", "web", "suppliers' pages", "A1"),
            ("gw-1", "gateway", "tanker weighbridge", "A1"),
            ("nas-1", "storage", "files", "A1"),
        ),
    ),
    _house(
        "otway", "Otway Ridge Timber", "ort", "silver", "en",
        (Place("Colac mill", "Australia/Melbourne", "AU", 26.0),),
        ("Tahlia Nguyen", "Grant Hollis"),
        (
            ("db-1", "database", "orders and stock", "A1"),
            ("saw-1", "gateway", "saw line", "A1"),
            ("plan-1", "batch", "cutting plans", "A1"),
            ("web-1", "web", "builders' shop", "A1"),
        ),
    ),
    _house(
        "evroult", "Lycée Saint-Évroult", "lse", "bronze", "fr",
        (Place("Bâtiment Vernier", "Europe/Paris", "FR", 24.0),),
        ("Mathilde Courson", "Paul-Henri Gagneux"),
        (
            ("db-1", "database", "notes et absences", "A1"),
            ("web-1", "web", "cahier de textes", "A1"),
            ("files-1", "storage", "fichiers des élèves", "A1"),
        ),
    ),
    _house(
        "pinder-lowe", "Pinder & Lowe Solicitors", "pls", "bronze", "en",
        (Place("Chancery Walk", "Europe/London", "GB"),),
        ("Harriet Pinder", "Oliver Lowe"),
        (
            ("db-1", "database", "matters and time", "A1"),
            ("docs-1", "storage", "documents", "A1"),
            ("gw-1", "gateway", "remote access", "A1"),
        ),
    ),
    _house(
        "grandval", "Atelier Grandval", "agv", "silver", "fr",
        (Place("Atelier", "Europe/Paris", "FR", 23.0),),
        ("Bastien Grandval",),
        (
            ("db-1", "database", "commandes", "A1"),
            ("web-1", "web", "boutique", "A1"),
            ("nas-1", "storage", "plans", "A1"),
        ),
        expired=True,
    ),
)  # fmt: skip

COLLEAGUES: tuple[Colleague, ...] = (
    Colleague("Margaux Perrin", "engineer", "senior", "europe", "Europe/Paris", ("fr", "en")),
    Colleague("Stellan Berg", "engineer", "confirmed", "europe", "Europe/Stockholm", ("en", "sv")),
    Colleague("Yasmin Haddad", "engineer", "senior", "europe", "Europe/Paris", ("fr", "en", "ar")),
    Colleague("Piotr Zawada", "engineer", "confirmed", "europe", "Europe/Warsaw", ("en", "pl")),
    Colleague("Teresa Alarcón", "engineer", "senior", "americas", "America/Denver", ("en", "es")),
    Colleague("Walt Kimura", "engineer", "confirmed", "americas", "America/Denver", ("en",)),
    Colleague("Océane Tremblay", "engineer", "senior", "americas", "America/Montreal", ("fr", "en")),
    Colleague("Darius Pell", "engineer", "confirmed", "americas", "America/Denver", ("en",)),
    Colleague("Kavya Menon", "engineer", "senior", "asia-pacific", "Asia/Singapore", ("en", "ta")),
    Colleague("Haruto Oda", "engineer", "confirmed", "asia-pacific", "Asia/Tokyo", ("en", "ja")),
    Colleague("Grace Tumanako", "engineer", "senior", "asia-pacific", "Pacific/Auckland", ("en",)),
    Colleague("Linh Pham", "engineer", "confirmed", "asia-pacific", "Asia/Singapore", ("en", "fr")),
    Colleague("Bertrand Leclair", "manager", "senior", "europe", "Europe/Paris", ("fr", "en")),
    Colleague("Joyce Abara", "manager", "senior", "americas", "America/Denver", ("en",)),
    Colleague("Wei Jie Ong", "manager", "senior", "asia-pacific", "Asia/Singapore", ("en",)),
)


def machines() -> tuple[Member, ...]:
    """Every machine the lab plays, in a fixed order."""
    return tuple(member for house in HOUSES for member in house.machines)


def house_of(machine: str) -> House:
    """The customer a machine of the cast belongs to. Raises KeyError."""
    for house in HOUSES:
        if any(member.build.name == machine for member in house.machines):
            return house
    raise KeyError(machine)
