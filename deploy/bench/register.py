"""How long a clerk waits for a resident to be found in a register of a whole district."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import make_url

from deploy.bench.figures import percentile
from deploy.bench.sizes import Sizes
from deploy.bench.stage import Say, Stage
from deploy.local.processes import StackError
from services.intake import queries
from services.intake.actions import buildings, register
from services.intake.queries.finding import find_residents
from services.intake.rules.homes import BuildingRow, HomeRow, RoomRow
from services.intake.rules.initials import initials_of
from shared.crypto import BlindIndex, FieldCipher
from shared.db.session import Sessions, make_engine, make_sessions
from shared.messaging.transaction import transaction

DATABASE = "intake_register"
WAYS = ("initials", "door", "tail", "number")
SEARCHES = 300  # of each way
LIMIT = 20
CHUNK = 10_000
HOUSEHOLD_PEOPLE = 2
ROOMS_A_BUILDING = 60
BUILDINGS_A_GRID = 20

_FAMILIES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = "英华玉秀明珍文芳兰国春金红丽平荣云桂生军志海霞建梅小凤永晓燕清林福龙慧伟超刚强磊静敏"


@dataclass(frozen=True, slots=True)
class Found:
    """Milliseconds of one search by each way: median and 99th percentile; the load's seconds."""

    residents: int
    loading_s: float
    p50_ms: dict[str, float]
    p99_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Person:
    number: str
    name: str
    phone: str
    door: str


def prepare(stage: Stage) -> None:
    """Copy the register's database while there is only the district in it."""
    stage.ledgers.close()
    stage.ledgers.on("postgres").execute(
        f"CREATE DATABASE {DATABASE} OWNER intake_owner TEMPLATE intake"
    )


def measure(stage: Stage, sizes: Sizes, say: Say) -> Found:
    """Fill it through the real load, then search as a clerk does; raises StackError."""
    say(f"  查找居民 / finding one of {sizes.register:,} residents")
    url = make_url(stage.settings["INTAKE_DATABASE_URL"]).set(database=DATABASE)
    engine = make_engine(
        url.render_as_string(hide_password=False), pool_size=1, application="bench-intake"
    )
    sessions = make_sessions(engine)
    cipher = FieldCipher(stage.settings["INTAKE_FIELD_KEY"])
    index = BlindIndex(stage.settings["INTAKE_INDEX_KEY"])
    try:
        begun = time.perf_counter()
        sample = _fill(stage, sessions, sizes.register, cipher, index)
        loading_s = time.perf_counter() - begun
        _settle(stage)
        times = {way: _search(sessions, cipher, index, way, sample) for way in WAYS}
    finally:
        engine.dispose()
    stage.ledgers.close()
    stage.ledgers.on("postgres").execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    found = Found(
        sizes.register,
        loading_s,
        {way: percentile(values, 0.5) for way, values in times.items()},
        {way: percentile(values, 0.99) for way, values in times.items()},
    )
    say("    " + ", ".join(f"{way} p99 {found.p99_ms[way]:.1f} ms" for way in WAYS))
    return found


def _fill(
    stage: Stage, sessions: Sessions, count: int, cipher: FieldCipher, index: BlindIndex
) -> list[_Person]:
    contact = FieldCipher(stage.settings["LINLI_CONTACT_KEY"])
    chance = random.Random(7)  # noqa: S311 - invented people
    with sessions() as session:
        grids = [code for code, _, _ in queries.grids(session)]
    sample: list[_Person] = []
    people = _people(chance, count, grids)
    while chunk := list(itertools.islice(people, CHUNK)):
        with transaction(sessions) as tx:
            rows = [row for row, _, _ in chunk]
            register.load_residents(tx, rows, cipher=cipher, index=index, contact_cipher=contact)
            buildings.put_buildings(
                tx, list({home.building_no: house for _, house, home in chunk}.values())
            )
            homes = list({home.household_no: home for _, _, home in chunk}.values())
            rooms = {(home.building_no, home.unit, home.room) for home in homes}
            buildings.put_rooms(tx, [RoomRow(*room, "lived_in") for room in sorted(rooms)])
            buildings.put_homes(tx, homes)
        for row, house, home in chance.sample(chunk, min(len(chunk), 40)):
            door = f"{house.label}-{home.unit}-{home.room}"
            sample.append(_Person(row["resident_no"], row["name"], row["phone"], door))
    return sample


def _people(
    chance: random.Random, count: int, grids: list[str]
) -> Iterator[tuple[dict[str, str], BuildingRow, HomeRow]]:
    for n in range(count):
        household = n // HOUSEHOLD_PEOPLE
        at, place = divmod(household, ROOMS_A_BUILDING)
        grid = grids[at // BUILDINGS_A_GRID % len(grids)]
        number = (
            at % BUILDINGS_A_GRID + 1 + at // (BUILDINGS_A_GRID * len(grids)) * BUILDINGS_A_GRID
        )
        label = str(at % BUILDINGS_A_GRID + 1)
        house = BuildingRow(
            grid, f"{number:05}", label, "dwelling", f"{label} 号楼", None, None, None
        )
        home = HomeRow(
            f"B{household:07}", house.building_no, str(place % 3 + 1),
            f"{place // 6 + 1}0{place // 3 % 2 + 1}", "together", "registered",
        )  # fmt: skip
        name = chance.choice(_FAMILIES) + "".join(
            chance.choices(_GIVEN, k=chance.choice((1, 2, 2)))
        )
        phone = f"199{chance.randrange(10**8):08}"
        row = {"resident_no": f"B{n:07}", "household_no": home.household_no, "name": name,
               "phone": phone, "birth_year": "1970", "grid_code": grid,
               "language": "zh"}  # fmt: skip
        yield row, house, home


def _settle(stage: Stage) -> None:
    server = stage.ledgers.on(DATABASE)
    server.execute("VACUUM ANALYZE")
    server.execute("CHECKPOINT")


def _search(
    sessions: Sessions, cipher: FieldCipher, index: BlindIndex, way: str, sample: list[_Person]
) -> list[float]:
    times = []
    for n in range(SEARCHES):
        person = sample[n % len(sample)]
        typed = {
            "initials": initials_of(person.name)[0],
            "door": person.door,
            "tail": person.phone[-4:],
            "number": person.number,
        }[way]
        begun = time.perf_counter()
        with sessions() as session:
            found = find_residents(session, cipher, index, typed, LIMIT)
        times.append((time.perf_counter() - begun) * 1000)
        if not found or (way == "number" and found[0]["resident_no"] != person.number):
            raise StackError(f"{way}: nobody was found")
    return times
