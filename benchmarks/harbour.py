"""The words of a port's software, for worlds of failures: Java, Go and Python services, syslog, and unit tests."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache

from failure_worlds import Recipe, Service, Statement, Vocabulary

SERVICES = (
    # file, program, layout, package, what it deals with
    ("crane/crane-controller.log", "crane-controller", "java", "org.harbour.crane",
     "hoist spreader trolley gantry boom ballast brake gearbox limit-switch load-cell"),
    ("screen-tide-api.txt", "devstack@tide-api.service", "journal", "tide.api",
     "forecast gauge datum almanac station reading window curve moon-phase depth-sounder"),
    ("screen-berth-planner.txt", "berth-planner", "journal", "berth.planner",
     "slot mooring quay schedule conflict-set pilotage draught fender bollard priority-list"),
    ("containers/manifest-store.log", "manifest-store", "go", "manifest/store",
     "bill-of-lading consignment seal ledger-page index blob digest shard compaction checkpoint"),
    ("containers/gate-keeper.log", "gate-keeper", "go", "gate/keeper",
     "barrier lane truck appointment badge weighbridge plate camera turnstile watch-list"),
    ("customs.txt", "customs-broker", "oslo", "customs.broker",
     "declaration tariff duty clearance inspector quarantine embargo voucher stamp escrow"),
    ("pilot.txt", "pilot-dispatch", "oslo", "pilot.dispatch",
     "launch roster pilot tug towline handover radio-log shift ladder fatigue-rule"),
    ("yard/yard-engine.log", "yard-engine", "java", "org.harbour.yard.engine",
     "stack reefer straddle-carrier block-map tier housekeeping rehandle plug heat-map pathway"),
    ("beacon/beacon-relay.log", "beacon-relay", "java", "org.harbour.beacon",
     "transponder channel frame antenna repeater squelch fix bearing almanac-page keepalive"),
    ("screen-invoice-worker.txt", "invoice-worker", "journal", "invoice.worker",
     "tally surcharge demurrage credit-note batch rounding statement reminder currency payout"),
    ("containers/fuel-meter.log", "fuel-meter", "go", "fuel/meter",
     "bunker valve flow-rate hose nozzle tank calibration viscosity spill-sensor receipt"),
    ("screen-weather-watch.txt", "weather-watch", "journal", "weather.watch",
     "squall front barometer anemometer buoy advisory visibility swell icing radar-tile"),
)
SHAPES = {
    "INFO": (
        "{A} %(id)s is {V} by {B}", "Finished the round over all {A} records in %(secs).2f seconds",
        "Accepted {A} from %(host)s", "{A}: %(count)d entries {V}, none left behind", "Opened {B} for {A} %(id)s",
        "Next look at {A} in %(delay)s seconds", "The {A} now follows {B} %(id)s", "{A} and {B} agree again",
        "Loaded %(num)d {A} rules from %(path)s", "{A} handed to %(host)s after {B} was {V}"),
    "WARNING": (
        "{A} lags behind {B} by %(secs)s seconds", "No {B} answered for {A} %(id)s; trying the neighbour",
        "{A} %(id)s was {V} twice, keeping the elder", "Skipping {A}: {R}", "{A} is nearly full: %(free)d left",
        "Unexpected {B} beside {A} %(id)s", "Falling back to yesterday's {A} since {R}",
        "{A} took %(secs)s seconds, which is longer than {B} allows", "Ignoring {A} without {B} sent by %(host)s",
        "The clock of {A} drifts against {B}", "{A} was not {V} in time, {B} goes on without it"),
    "ERROR": (
        "Could not have {A} %(id)s {V}: %(err)s", "{A} refused {B} %(id)s: %(reason)s", "Lost {A} while {B} was {V}",
        "Giving up on {A} after %(num)d attempts: {R}", "{A} %(id)s contradicts {B} %(id)s", "{A} ended without {B}",
        "{B} of {A} is damaged beyond repair: %(err)s", "Nobody {V} the {A} of %(host)s, {R}",
        "Stopped at {A} since {R}", "Two owners claim {A} %(id)s; {B} stays locked", "Unable to place {A} on {B}",
        "The {A} that {B} announced never came (%(err)s)", "{A} turned {B} away: {R}",
        "Writing {A} to %(path)s failed: %(reason)s", "{B} says {A} was {V}, the ledger says otherwise"),
}
VERBS = ("weighed stamped moored hoisted lashed sealed audited rerouted released towed balanced re-keyed counted "
         "unloaded escorted dispatched cleared renamed merged archived")
REASONS = (
    "the far side hung up", "its lease ran out", "a newer copy is on its way", "the quorum is gone",
    "it was signed by a stranger", "there is no room in the hold", "the queue drained too early",
    "its parent was sunk", "the handshake stalled", "the map has a hole", "the checksum walks backwards",
    "two captains gave orders", "the tide table is from another year", "it would block the fairway",
    "the cable is cut", "the token belongs to a sister ship", "its mutex is held by a ghost",
    "the pool ran dry", "paper and cargo differ", "the valve answers in another unit")
FAULTS = (
    "{A} must not be empty before {B}", "expected {A}, got {B} (%(num)d)", "{R}", "no {A} in slot %(num)d",
    "timed out waiting for {A} after %(secs)s ms", "{A} is already closed", "{B} cannot follow {A}: {R}",
    "connection to %(host)s reset while {V}", "stale {A}: {R}", "{A} overflow at offset %(num)d")
CLASSES = (
    "java.lang.IllegalStateException", "java.util.concurrent.TimeoutException", "org.harbour.LadingException",
    "org.harbour.crane.OverloadError", "tide.errors.DatumMismatch", "berth.errors.NoSuchMooring", "ValueError",
    "customs.errors.DutyUnknown", "pilot.errors.RosterGap", "rpc error: code = Unavailable desc",
    "invoice.errors.LedgerSkew", "java.net.SocketException", "KeyError", "weather.errors.BuoySilent")
CONSOLE = (
    "npm ERR! code E404 the registry has no harbour-charts@{version}",
    "error: failed to solve: quay-{word}: pull access denied, repository does not exist",
    "make: *** [Makefile:{num}: docs-{word}] Error 2 charts cannot be rendered without the projection library",
    "gpg: keyserver receive failed: no keyserver answered for the shipping archive",
    "Could not resolve dependencies for project org.harbour:yard-engine:jar: artifact is not on any mirror",
    "go: harbour.example/gate@v{version}: verifying module: checksum mismatch against the lading database",
    "rsync: connection unexpectedly closed while the {word} artefacts went ashore",
    "No space left on device while the image layer of the dock was unpacked")
SYSLOG = (
    "Out of memory: Killed process {pid} (crane-controll) total-vm:{size}kB, anon-rss:{size}kB",
    "EXT4-fs error (device vda{num}): ext4_find_entry: inode number {num}: comm yard-engine: reading directory lblock",
    "watchdog: BUG: soft lockup - CPU stuck for {secs} seconds in the bunker driver",
    "nf_conntrack: table full, dropping packet of the beacon network")
SYMPTOMS = (
    "harbour.testing.Overdue: the vessel {uuid} did not reach state ALONGSIDE within {num} seconds, state APPROACHING",
    "harbour.testing.HttpError: 503 from the planner\nbody: please call the harbour master",
    "AssertionError: {num} != 0 : containers were left on the quay by {cls}",
    "harbour.testing.Unreachable: {ip} answers neither on the radio nor by ssh",
    "java.lang.AssertionError: expected <[MOORED]> but was <[DRIFTING]>")
AREAS = "arrival mooring unloading customs bunkering departure piloting storms billing reefers gates charts"
THINGS = ("late_ship two_tugs empty_hold wrong_seal night_shift spring_tide broken_crane double_booking lost_badge "
          "frozen_reefer strike ghost_vessel full_yard blind_pilot leap_day")
UNITS = ("FAILURE", "run", "Run unit tests")
RECIPES = (
    Recipe(hidden=0.25), Recipe(twin=True), Recipe(common=True),
    Recipe("console", face=("FAILURE", "pre", "Fetch charts"), tests=False),
    Recipe("nowhere", face=("TIMED_OUT", "run", ""), tests=False),
    Recipe(level="WARNING"), Recipe("unit", face=UNITS), Recipe(plain=True), Recipe(nodes=2), Recipe("syslog"),
    Recipe(shape="long"), Recipe(two_ways=True), Recipe(shape="foreign"), Recipe(in_passing=0.03),
    Recipe("unit", face=UNITS), Recipe("nowhere", face=("RETRY_LIMIT", "pre", ""), tests=False),
    Recipe("console", face=("FAILURE", "run", "Build images"), tests=False),
    Recipe(level="WARNING", nodes=2), Recipe(), Recipe(twin=True))


@cache
def harbour() -> Vocabulary:
    """The vocabulary; always the same."""
    chance = random.Random("harbour")
    services = {f"controller/logs/{path}": Service(program, layout, list(_statements(package, nouns.split(), chance)))
                for path, program, layout, package, nouns in SERVICES}
    nouns = [noun for *_, each in SERVICES for noun in each.split()]
    exceptions = {f"{chance.choice(CLASSES)}: {_filled(chance.choice(FAULTS), nouns, chance)}" for _ in range(300)}
    tests = [f"harbour.tests.{area}.test_{area}.{area.title()}Test.test_{thing}_{other}"
             for area in AREAS.split() for thing in THINGS.split() for other in THINGS.split() if thing != other]
    return Vocabulary(services, sorted(exceptions), tests, CONSOLE, SYSLOG, SYMPTOMS, RECIPES,
                      ("FAILURE", "run", "Run the voyage tests"), stray=500, kinds=len(RECIPES))


def _statements(package: str, nouns: list[str], chance: random.Random) -> Iterator[Statement]:
    for level, many in (("INFO", 60), ("WARNING", 50), ("ERROR", 70)):
        texts = {_filled(chance.choice(SHAPES[level]), nouns, chance) for _ in range(many)}
        for text in sorted(texts):
            yield Statement(level, f"{package}.{chance.choice(nouns).title().replace('-', '')}", text,
                            level == "ERROR" and chance.random() < 0.2)


def _filled(shape: str, nouns: list[str], chance: random.Random) -> str:
    one, other = chance.sample(nouns, 2)
    return (shape.replace("{A}", one).replace("{B}", other).replace("{V}", chance.choice(VERBS.split()))
            .replace("{R}", chance.choice(REASONS)))
