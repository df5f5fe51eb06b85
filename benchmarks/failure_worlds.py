"""Builds with planted failures, and passing ones beside them, as files of raw lines. The same seed, the same lines.

A world has habits (what every build says), noise (warnings and errors that passing builds say too, some in every
build, some in one of five hundred) and kinds of failures. A kind has roots, companions of the same service, a cascade
drawn from what all kinds share, and failed tests. Beside the kinds there are faults of a change's own, each alone in
the world. Its words are read from unpacked packages (``devstack``) or are those of a port's software (``harbour``).
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

CONSOLE, SYSLOG = "job-output.txt", "controller/logs/syslog.txt"
LENGTH = 7200
"""Seconds of a build."""

_NAMES = ("alpha bravo delta kilo lima mike oscar papa romeo sierra tango victor zulu north south east west red green "
          "blue quick slow large small early late")
NAMES = _NAMES.split()


@dataclass(frozen=True)
class Statement:
    """Something that a program logs: ``%s``, ``%(name)s`` and ``{name}`` vary. ``traced``: a traceback follows."""

    level: str
    module: str
    text: str
    traced: bool = False


@dataclass(frozen=True)
class Service:
    """A program that logs: its name, how its lines are laid out, and what it can say."""

    program: str
    layout: str
    statements: Sequence[Statement]


@dataclass(frozen=True)
class Recipe:
    """What is peculiar about a kind of failure.

    ``where`` its root is said: by a service, in the console or the syslog, in a unit test's output, or nowhere.
    ``common``: passing builds say it too, with another exception. ``hidden`` is how often it is not said,
    ``in_passing`` how often passing builds say it. ``twin``: it looks as the kind before it but for its root.
    ``tests``: whether tests fail by it at all.
    """

    where: str = "service"
    common: bool = False
    hidden: float = 0.0
    two_ways: bool = False
    in_passing: float = 0.0
    twin: bool = False
    level: str = "ERROR"
    nodes: int = 1
    plain: bool = False
    shape: str = ""
    face: tuple[str, str, str] | None = None
    tests: bool = True


@dataclass(frozen=True)
class Vocabulary:
    """The words of a world. ``console`` and ``syslog`` are roots said there, ``symptoms`` what failed tests say,
    ``face`` is the result, phase and task of most failures, ``stray`` how many kinds of line come now and
    then, ``kinds`` how many kinds of failure a world has."""

    services: Mapping[str, Service]
    exceptions: Sequence[str]
    tests: Sequence[str]
    console: Sequence[str]
    syslog: Sequence[str]
    symptoms: Sequence[str]
    recipes: Sequence[Recipe]
    face: tuple[str, str, str]
    stray: int = 900
    kinds: int = 16


@dataclass(frozen=True)
class Root:
    """How a failure shows itself first; in ``chance`` of its builds, and where 0 only where no other root was said."""

    path: str
    statement: Statement
    exception: str | None
    chance: float = 1.0


@dataclass
class Kind:
    """A kind of failure; ``face`` is its result, phase and task."""

    name: str
    recipe: Recipe
    roots: list[Root]
    companions: list[tuple[str, Statement, float]]
    cascade: list[tuple[str, Statement, float, str]]
    tests: list[str]
    symptom: str
    face: tuple[str, str, str]

    def names(self, line: str) -> bool:
        """Whether a line is one that a root says: it holds the first long stretch of its text or of its exception."""
        return any(stretch in line for root in self.roots for text in (root.statement.text, root.exception or "")
                   for stretch in _stretches(text))


class Build(dict[str, list[str]]):
    """A build's files: lines by path. ``planted`` are the lines of the root, ``tests`` those that failed."""

    def __init__(self, face: tuple[str, str, str]) -> None:
        super().__init__()
        self.face = face
        self.planted: set[str] = set()
        self.tests: list[str] = []

    def write(self, folder: Path) -> None:
        """As under a log root."""
        for path, lines in self.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text("\n".join(lines) + "\n", encoding="utf-8")


_PLACE = re.compile(r"%\((\w+)\)[-#0-9.]*[diouxXeEfFgGcrs]|%[-#0-9.]*[diouxXeEfFgGcrs]|{(\w*)}")


def _stretches(text: str) -> list[str]:
    found = [part.strip()[:25] for part in _PLACE.split(text) if part and len(part.strip()) > 12]
    return found or [text.strip()] * bool(text.strip())


class World:
    """``linking``: from 0 to 1, how often lines carry the ids of what failed; ``slow``: how much longer than usual
    failed tests run; ``clock``: whether the lines have a time."""

    def __init__(self, vocabulary: Vocabulary, seed: int, kinds: int = 16, *, linking: float = 1.0, slow: float = 1.0,
                 clock: bool = True) -> None:
        self.vocabulary, self.linking, self.slow, self.clock = vocabulary, linking, slow, clock
        self.random = chance = random.Random(seed)
        self.habits: list[tuple[str, Statement, float]] = []
        self.noise: list[tuple[str, Statement, float, str]] = []
        self.stray: list[tuple[str, Statement, float, str]] = []
        severe: list[tuple[str, Statement]] = []
        for path, service in vocabulary.services.items():
            severe += self._furnish(path, service)
        chance.shuffle(self.stray)
        self.stray = self.stray[:vocabulary.stray]
        said = {(path, statement.text) for path, statement, *_ in self.stray}
        severe = [each for each in severe if (each[0], each[1].text) not in said]
        chance.shuffle(severe)
        self.cascade = [(*each, 10 ** chance.uniform(-2.5, -0.7), self._exception()) for each in severe[:40]]
        self.fresh = severe[40:]
        self.console = [f"TASK [{chance.choice(NAMES)} : {chance.choice(NAMES)} {chance.choice(NAMES)}]" if at % 6 == 0
                        else "{{{n}}} " + chance.choice(vocabulary.tests) + " [{s}s] ... ok" for at in range(300)]
        self.kinds: list[Kind] = []
        for at in range(kinds):
            self.kinds.append(self._kind(at, vocabulary.recipes[at % len(vocabulary.recipes)]))
        self.weights = [1 / (at + 1) ** 0.7 for at in range(kinds)]
        """How often the kinds come, for ``random.choices``."""

    def _furnish(self, path: str, service: Service) -> list[tuple[str, Statement]]:
        """Habits, noise and strays of a service; returns the errors that are left for failures."""
        chance = self.random
        infos = [each for each in service.statements if each.level == "INFO"]
        self.habits += [(path, each, min(400, chance.paretovariate(0.8)))
                        for each in chance.sample(infos, min(45, len(infos)))]
        loud = [each for each in service.statements if each.level in ("WARNING", "ERROR")]
        chance.shuffle(loud)
        cut = len(loud) // 6
        self.noise += [(path, each, chance.betavariate(0.6, 0.8), self._exception()) for each in loud[:cut]]
        self.stray += [(path, each, 10 ** chance.uniform(-2.8, -1.2), self._exception()) for each in loud[cut:]]
        return [(path, each) for each in loud[cut:] if each.level == "ERROR"]

    def _exception(self) -> str:
        return self.random.choice(self.vocabulary.exceptions)

    # -- kinds

    def _kind(self, at: int, recipe: Recipe) -> Kind:
        chance, vocabulary = self.random, self.vocabulary
        roots = self._roots(at, recipe)
        companions = []
        if recipe.where == "service":
            near = [each for each in self.fresh if each[0] == roots[0].path][:chance.randint(0, 3)]
            for each in near:
                self.fresh.remove(each)
                companions.append((*each, chance.uniform(0.3, 1)))
        cascade = [(path, statement, chance.uniform(0.2, 0.9), exception)
                   for path, statement, _, exception in chance.sample(self.cascade, chance.randint(2, 7))]
        kind = Kind(f"k{at:02d}", recipe, roots, companions, cascade if recipe.where == "service" else cascade[:2],
                    chance.sample(vocabulary.tests, chance.choice((1, 3, 8, 30))),
                    chance.choice(vocabulary.symptoms), recipe.face or vocabulary.face)
        if recipe.twin and self.kinds:
            before = self.kinds[-1]
            kind.cascade, kind.tests, kind.symptom = before.cascade, before.tests, before.symptom
        return kind

    def _roots(self, at: int, recipe: Recipe) -> list[Root]:
        chance, vocabulary = self.random, self.vocabulary
        if recipe.where == "nowhere":
            return []
        if recipe.where in ("console", "unit"):
            texts = vocabulary.console if recipe.where == "console" else vocabulary.exceptions
            return [Root(CONSOLE, Statement("", "", texts[at % len(texts)]), None)]
        if recipe.where == "syslog":
            return [Root(SYSLOG, Statement("", "kernel", vocabulary.syslog[at % len(vocabulary.syslog)]), None)]
        path, statement = self.fresh.pop()
        if recipe.common:
            known = [each for each in self.noise if each[1].level == "ERROR" and each[2] > 0.2 and "%" in each[1].text]
            path, statement, *_ = chance.choice(known or self.noise)
        statement = _shaped(statement, recipe)
        roots = [Root(path, statement, None if recipe.plain else self._exception(), 1 - recipe.hidden)]
        if recipe.two_ways:
            roots = [replace(roots[0], chance=0.6), Root(*self.fresh.pop(), self._exception(), 0.0)]
        return roots

    # -- lines

    def build(self, seed: object, kind: Kind | None = None, own: bool = False) -> Build:
        """A passing build, or one that fails by a kind, or (``own``, without a kind) by its change's own fault."""
        return _Builder(self, seed).build(kind, own)


LONG = "while the manifest listed " + ", ".join(f"{name} of the {other} shed" for name in NAMES[:12]
                                                for other in NAMES[12:15])


def _shaped(statement: Statement, recipe: Recipe) -> Statement:
    text = _PLACE.sub("it", statement.text) if recipe.plain else statement.text
    text = {"long": f"{LONG} {text}", "foreign": f"Übergabe gescheitert – größer als der Kai: {text} → 再試行"}.get(
        recipe.shape, text)
    return replace(statement, text=text, level=recipe.level, traced=statement.traced and not recipe.plain)


class _Builder:
    def __init__(self, world: World, seed: object) -> None:
        self.world = world
        self.random = random.Random(f"{seed}")
        self.host = self._host()
        self.pid = self.random.randint(40000, 250000)
        self.drift = self.random.choice((0, 0, 0, 1, 3, -2))
        self.lines: dict[str, list[tuple[int, str]]] = {}
        self.planted: set[str] = set()

    def build(self, kind: Kind | None, own: bool) -> Build:
        world, chance = self.world, self.random
        build = Build(kind.face if kind else world.vocabulary.face if own else ("SUCCESS", "", ""))
        self._usual()
        self._usual_console()
        self._roots_of_others(kind)
        moment = chance.randint(900, 6000)
        self.ids = (_uuid(chance), _uuid(chance))
        symptom = ""
        if kind:
            symptom = self._fail(kind, moment)
            if kind.recipe.tests:
                build.tests = chance.sample(kind.tests, min(len(kind.tests), chance.randint(1, 6)))
        elif own:
            build.tests = chance.sample(world.vocabulary.tests, chance.randint(1, 4))
            symptom = self._own(moment)
        self._tests(build.tests, symptom, moment)
        self._leave(kind.recipe.where if kind else "", moment)
        for path, lines in self.lines.items():
            lines.sort(key=lambda each: each[0])
            build[path] = [line for _, line in lines]
        build.planted = self.planted
        return build

    def _usual(self) -> None:
        world, chance = self.world, self.random
        for path, statement, mean in world.habits:
            if chance.random() < 0.93:
                for _ in range(min(4, int(chance.expovariate(1 / mean)) + 1)):
                    self._say(path, statement, None, chance.randint(0, LENGTH))
        for path, statement, often, exception in world.noise:
            if chance.random() < often:
                for _ in range(chance.randint(1, 4)):
                    self._say(path, statement, exception, chance.randint(0, LENGTH))
        for path, statement, often, exception in world.stray + world.cascade:
            if chance.random() < often:
                self._say(path, statement, exception, chance.randint(0, LENGTH))

    def _usual_console(self) -> None:
        chance = self.random
        for at, line in enumerate(self.world.console):
            self._console(line.format(n=at % 4, s=f"{chance.uniform(.1, 90):.6f}"), at * 20)

    def _roots_of_others(self, kind: Kind | None) -> None:
        for other in self.world.kinds:
            if other is not kind and self.random.random() < other.recipe.in_passing:
                self._root(other, self.random.randint(600, 6800), None)

    def _fail(self, kind: Kind, moment: int) -> str:
        chance = self.random
        before = {path: len(lines) for path, lines in self.lines.items()}
        self._root(kind, moment, self._linked(0.6))
        self.planted = {line for path, lines in self.lines.items() for _, line in lines[before.get(path, 0):]
                        if kind.names(line)}
        for path, statement, often in kind.companions:
            if chance.random() < often:
                self._say(path, statement, None, moment + chance.randint(0, 5), self._linked(0.3))
        for path, statement, often, exception in kind.cascade:
            if chance.random() < often:
                self._say(path, statement, exception, moment + chance.randint(1, 60), self._linked(0.3))
        if kind.recipe.where != "unit":
            return kind.symptom
        self.root_text = self._fill(kind.roots[0].statement.text, None)
        return "\0" + self.root_text

    def _own(self, moment: int) -> str:
        world, chance = self.world, self.random
        if chance.random() < 0.6:
            path, statement = chance.choice(world.fresh)
            self._say(path, statement, self._exception(), moment, self._linked(0.6))
            symptom = chance.choice(world.vocabulary.symptoms)
        else:
            symptom = "\0" + self._fill(self._exception(), None)
        for path, statement, _, exception in chance.sample(world.cascade, chance.randint(0, 4)):
            self._say(path, statement, exception, moment + chance.randint(1, 60), self._linked(0.3))
        return symptom

    def _exception(self) -> str:
        return self.random.choice(self.world.vocabulary.exceptions)

    def _linked(self, often: float) -> tuple[str, str] | None:
        return self.ids if self.random.random() < often * self.world.linking else None

    def _root(self, kind: Kind, moment: int, ids: tuple[str, str] | None) -> None:
        told = False
        for root in kind.roots if kind.recipe.where != "unit" else ():
            if self.random.random() < root.chance or (not told and root.chance == 0):
                told = True
                if root.path == CONSOLE:
                    self._console(self._fill(root.statement.text, None), moment)
                    continue
                self._say(root.path, root.statement, root.exception, moment, ids)
                if kind.recipe.nodes > 1 and self.random.random() < 0.5:
                    self._move(root.path, moment)

    def _move(self, path: str, moment: int) -> None:
        """What was said just now was said on the second node."""
        lines = self.lines[path]
        other = self.lines.setdefault(path.replace("controller/", "compute1/", 1), [])
        while lines and lines[-1][0] == moment:
            other.insert(0, lines.pop())

    def _leave(self, where: str, moment: int) -> None:
        """What remains of all that was said: of a unit test's job the console, of one that was ended the beginning."""
        if where == "unit":
            self.lines = {CONSOLE: self.lines[CONSOLE]}
            self.planted = {line for _, line in self.lines[CONSOLE] if self.root_text in line}
        elif where == "nowhere":
            self.lines = {path: [each for each in lines if each[0] <= moment] for path, lines in self.lines.items()}

    def _tests(self, failed: Sequence[str], symptom: str, moment: int) -> None:
        chance, slow = self.random, self.world.slow
        for at, test in enumerate(failed):
            wait = chance.uniform(5, 200) * slow
            self._console(f"{{{at % 4}}} {test} [{wait + chance.uniform(1, 60) * slow:.6f}s] ... FAILED",
                          moment + int(wait))
        for test in failed:
            module, name, method = test.rsplit(".", 2)
            text = symptom[1:] if symptom.startswith("\0") else self._fill(
                symptom.replace("{cls}", name).replace("{test}", method), None, self.ids[1])
            self._console(f"{test}\n{'-' * 40}\n\nCaptured traceback:\nTraceback (most recent call last):\n"
                          f'  File "/opt/stack/tempest/{module.replace(".", "/")}.py", line {chance.randint(30, 900)}, '
                          f"in {method}\n{text}\n\nCaptured pythonlogging:", LENGTH)
            for at in range(chance.randint(3, 12)):
                request = self.ids[0] if at == 2 and chance.random() < 0.7 else _uuid(chance)
                self._console(f"INFO [tempest.lib.common.rest_client] Request ({name}:{method}): 202 POST "
                              f"http://10.0.0.{at}/compute/v2.1/servers {chance.uniform(.1, 3):.3f}s req-{request}",
                              LENGTH)
        self._console(f"Ran: {chance.randint(1200, 1600)} tests\n - Failed: {len(failed)}", LENGTH + 1)

    def _say(self, path: str, statement: Statement, exception: str | None, moment: int,
             ids: tuple[str, str] | None = None) -> None:
        """``ids``: the request and the server to which the line belongs."""
        exception = exception if statement.level != "INFO" else None
        service = self.world.vocabulary.services.get(path, SYSTEM)
        head = self._head(service, statement, moment, ids or (_uuid(self.random), _uuid(self.random)))
        lines = self.lines.setdefault(path, [])
        lines.append((moment, head + self._fill(statement.text, exception)))
        if service.layout in TRACES and (statement.traced or (exception and statement.level == "ERROR")):
            text = self._fill(exception, None) if exception else ""
            lines += [(moment, (head if service.layout == "journal" else "") + line)
                      for line in self._trace(service, statement, text)]

    def _trace(self, service: Service, statement: Statement, exception: str) -> list[str]:
        shape = random.Random(statement.text)
        last = [exception] * bool(exception)
        if service.layout == "java":
            file = statement.module.rsplit(".", 1)[-1] + ".java"
            return [*last, *(f"\tat {statement.module}.{shape.choice(NAMES)}({file}:"
                             f"{shape.randint(20, 4000) + self.drift})" for _ in range(shape.randint(2, 6)))]
        path = "/opt/stack/" + statement.module.replace(".", "/") + ".py"
        frames = [[f'  File "{path}", line {shape.randint(20, 4000) + self.drift}, in '
                   f"_{shape.choice(NAMES)}_{shape.choice(NAMES)}",
                   f"    self._{shape.choice(NAMES)}({shape.choice(NAMES)}, {shape.choice(NAMES)})"]
                  for _ in range(shape.randint(1, 4))]
        return ["Traceback (most recent call last):", *(line for frame in frames for line in frame), *last]

    def _head(self, service: Service, statement: Statement, moment: int, ids: tuple[str, str]) -> str:
        chance = self.random
        clock = f"{moment // 3600:02d}:{moment // 60 % 60:02d}:{moment % 60:02d}"
        fraction, module, level = chance.randint(0, 999999), statement.module, statement.level
        request = f"[None req-{ids[0]} {chance.choice(NAMES)} admin] " + f"[instance: {ids[1]}] " * (
            chance.random() < 0.3)
        thread = chance.randint(1, 40)
        if not self.world.clock:
            return f"{level} {module}: "
        return {
            "journal": f"Nov 21 {clock}.{fraction:06d} {self.host} {service.program}[{self.pid}]: {level} {module} "
                       f"{request}",
            "oslo": f"2026-11-21 {clock}.{fraction // 1000:03d} {self.pid} {level} {module} {request}",
            "java": f"2026-11-21 {clock},{fraction // 1000:03d} {level.replace('WARNING', 'WARN')} "
                    f"[pool-{thread % 5}-thread-{thread}] {module} - ",
            "go": f"{level[:1]}1121 {clock}.{fraction:06d}   {self.pid} {module.rsplit('.', 1)[-1]}.go:"
                  f"{len(statement.text) * 7}] ",
            "syslog": f"Nov 21 {clock} {self.host} {service.program}[{self.pid}]: ",
            "kernel": f"Nov 21 {clock} {self.host} kernel: [{moment + 300}.{fraction:06d}] ",
        }[service.layout]

    def _console(self, text: str, moment: int) -> None:
        stamp = (f"2026-11-21 {moment // 3600:02d}:{moment // 60 % 60:02d}:{moment % 60:02d}."
                 f"{self.random.randint(0, 999999):06d} | controller | " if self.world.clock else "")
        self.lines.setdefault(CONSOLE, []).extend((moment, stamp + line) for line in text.split("\n"))

    # -- what varies

    def _fill(self, text: str, exception: str | None, server: str = "") -> str:
        return _PLACE.sub(lambda found: self._value((found[1] or found[2] or "").lower(), exception, server),
                          text).replace("%%", "%")

    def _value(self, name: str, exception: str | None, server: str) -> str:
        chance = self.random
        if exception and (name in ("", "e", "ex", "reason", "msg") or "exc" in name or "err" in name):
            return self._fill(exception, None)
        if server and name == "uuid":
            return server
        for names, make in _VALUES:
            if any(each in name for each in names):
                return make(chance)
        if chance.random() < 0.2:
            owner = chance.choice(self.world.vocabulary.tests).rsplit(".", 2)[1]
            return f"tempest-{owner}-{chance.choice(NAMES)}-{chance.randint(10 ** 8, 10 ** 10)}"
        return chance.choice((_uuid(chance), str(chance.randint(0, 10 ** 6)), "None", "tempest-" + _uuid(chance)[:8]))

    def _host(self) -> str:
        return _host(self.random)


def _uuid(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _host(chance: random.Random) -> str:
    return f"np00{chance.randint(30000000, 49999999)}"


_VALUES = (
    (("region",), lambda chance: chance.choice(("dfw", "iad", "bhs1", "gra1"))),
    (("word",), lambda chance: chance.choice(NAMES)),
    (("version",), lambda chance: f"{chance.randint(0, 30)}.{chance.randint(0, 20)}.{chance.randint(0, 9)}"),
    (("tmp",), lambda chance: f"/tmp/{_uuid(chance)}"),
    (("id", "uuid", "instance", "volume", "port", "server", "router", "network", "snapshot"), _uuid),
    (("time", "sec", "interval", "delay", "timeout"), lambda chance: f"{chance.uniform(.1, 300):.2f}"),
    (("count", "num", "size", "attempt", "total", "free", "usage", "vcpu", "pid", "rc"),
     lambda chance: str(chance.randint(0, 9999))),
    (("host", "node", "dest", "source"), _host),
    (("path", "file", "dir", "dev"), lambda chance: f"/opt/stack/data/{chance.choice(NAMES)}/{_uuid(chance)}"),
    (("ip", "addr", "url", "cidr"),
     lambda chance: f"10.{chance.randint(0, 255)}.{chance.randint(0, 255)}.{chance.randint(1, 254)}"),
)
SYSTEM = Service("kernel", "kernel", ())
TRACES = frozenset({"journal", "oslo", "java"})

# -- DevStack, in the words of OpenStack's packages

SOURCES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "screen-n-cpu.txt": ("nova-compute", ("nova.compute", "nova.virt.libvirt", "nova.virt.block", "nova.virt.images",
                                          "nova.network", "nova.privsep", "os_brick.initiator", "os_vif",
                                          "oslo_service", "oslo_messaging", "nova.service", "nova.utils")),
    "screen-n-api.txt": ("devstack@n-api.service", ("nova.api", "nova.quota", "nova.policy", "keystonemiddleware",
                                                    "oslo_db", "nova.context")),
    "screen-n-sch.txt": ("nova-scheduler", ("nova.scheduler", "nova.servicegroup", "nova.filters")),
    "screen-n-cond.txt": ("nova-conductor", ("nova.conductor", "nova.objects", "nova.db", "oslo_messaging")),
    "screen-q-svc.txt": ("neutron-server", ("neutron.plugins.ml2.plugin", "neutron.plugins.ml2.managers",
                                            "neutron.plugins.ml2.rpc", "neutron.db", "neutron.api", "neutron.notifiers",
                                            "neutron.quota", "neutron.ipam", "neutron.services", "neutron_lib")),
    "screen-q-agt.txt": ("neutron-openvswitch-agent", ("neutron.plugins.ml2.drivers.openvswitch",
                                                       "neutron.agent.ovsdb", "neutron.agent.common",
                                                       "neutron.agent.linux", "neutron.agent.rpc")),
    "screen-q-l3.txt": ("neutron-l3-agent", ("neutron.agent.l3", "neutron.agent.dhcp", "neutron.agent.metadata")),
    "screen-c-vol.txt": ("cinder-volume", ("cinder.volume.manager", "cinder.volume.drivers.lvm", "cinder.volume.flows",
                                           "cinder.volume.driver", "cinder.volume.targets", "cinder.brick",
                                           "cinder.utils", "cinder.image", "os_brick.local_dev", "cinder.service")),
    "screen-c-api.txt": ("devstack@c-api.service", ("cinder.api", "cinder.volume.api", "cinder.quota")),
    "screen-c-sch.txt": ("cinder-scheduler", ("cinder.scheduler",)),
    "screen-g-api.txt": ("devstack@g-api.service", ("glance.api", "glance.common", "glance.async_", "glance.location")),
    "screen-key.txt": ("devstack@keystone.service", ("keystone",)),
}
PACKAGES = ("nova", "neutron", "cinder", "keystone", "glance", "oslo_messaging", "os_brick", "oslo_service",
            "oslo_concurrency", "oslo_db", "keystonemiddleware", "os_vif", "neutron_lib", "tempest")
DEVSTACK_CONSOLE = (
    "E: Failed to fetch http://mirror.{region}.example.org/ubuntu/pool/main/{word}/{word}_{version}_amd64.deb  503  "
    "Backend is not reachable",
    "ERROR: No matching distribution found for {word}=={version} (from -r upper-constraints.txt (line {num}))",
    "fatal: unable to access 'https://git.example.org/openstack/{word}/': The requested URL returned error: 502",
    "{ip} is not answering after 300 seconds; the overlay bridge between the nodes was never built",
    "dpkg: error processing package {word} (--configure): installed post-installation script returned error status 1",
    "curl: (56) Recv failure: Connection reset by peer while reading cirros-{version}-x86_64-disk.img",
    "/opt/stack/devstack/functions-common: line {num}: worlddump is waiting for a lock on /opt/stack/logs/{word}",
    "ansible.errors.AnsibleConnectionFailure: the ssh control socket at {tmp} vanished during the task")
DEVSTACK_SYMPTOMS = (
    "tempest.lib.exceptions.TimeoutException: Request timed out\nDetails: ({cls}:{test}) Server {uuid} failed to reach "
    'ACTIVE status and task state "None" within the required time (196 s). Current status: BUILD.',
    "tempest.lib.exceptions.BuildErrorException: Server {uuid} failed to build and is in ERROR status\nDetails: Fault: "
    "'code': 500, 'message': 'Build of instance {uuid} aborted'.",
    "tempest.lib.exceptions.SSHTimeout: Connection to the {ip} via SSH timed out.\nUser: cirros, Password: password",
    "tempest.exceptions.VolumeResourceBuildErrorException: volume {uuid} failed to build and is in error status",
    "testtools.matchers._impl.MismatchError: {num} != 0: resources were not cleaned up by {cls}",
    "tempest.lib.exceptions.ServerFault: Got server fault\nDetails: Unexpected API Error. Please report this.")
_LEVELS = {"info": "INFO", "warning": "WARNING", "error": "ERROR", "exception": "ERROR", "critical": "ERROR"}


@cache
def devstack(tree: Path) -> Vocabulary:
    """Of a folder into which OpenStack's packages were unpacked."""
    statements: set[Statement] = set()
    exceptions: set[str] = set()
    tests: set[str] = set()
    for package in PACKAGES:
        for path in sorted((tree / package).rglob("*.py")):
            if package != "tempest" and ("/tests" in str(path) or "/unit" in str(path)):
                continue
            module = ".".join(path.relative_to(tree).with_suffix("").parts)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and (said := _statement(node, module)):
                    statements.add(said)
                elif isinstance(node, ast.ClassDef):
                    exceptions.update(_exceptions(node, module))
                    if package == "tempest":
                        tests.update(f"{module}.{node.name}.{each.name}" for each in node.body
                                     if isinstance(each, ast.FunctionDef) and each.name.startswith("test_"))
    ordered = sorted(statements, key=lambda each: (each.module, each.text, each.level))
    services = {f"controller/logs/{name}": Service(program, "journal", [
        each for each in ordered if any(f"{each.module}.".startswith(f"{module}.") for module in modules)])
        for name, (program, modules) in SOURCES.items()}
    recipes = [Recipe("console" if at % 5 == 3 else "service", common=at % 5 == 2, hidden=0.25 if at % 4 == 0 else 0.0,
                      two_ways=at % 7 == 5 and at % 5 != 3, in_passing=0.03 if at % 6 == 4 else 0.0, twin=at % 5 == 1)
               for at in range(420)]
    return Vocabulary(services, sorted(exceptions), sorted(tests), DEVSTACK_CONSOLE, (), DEVSTACK_SYMPTOMS, recipes,
                      ("FAILURE", "run", "Run Tempest"))


def _statement(node: ast.Call, module: str) -> Statement | None:
    if not (isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.args
            and node.func.value.id in ("LOG", "log") and node.func.attr in _LEVELS):
        return None
    text = _string(node.args[0])
    return Statement(_LEVELS[node.func.attr], module, text, node.func.attr == "exception") if " " in text else None


def _exceptions(node: ast.ClassDef, module: str) -> Iterable[str]:
    for each in node.body:
        if isinstance(each, ast.Assign) and getattr(each.targets[0], "id", "") in ("msg_fmt", "message", "_msg_fmt"):
            text = _string(each.value)
            if len(text.split()) >= 3:
                yield f"{module.split('.')[0]}.exception.{node.name}: {text}"


def _string(node: ast.expr) -> str:
    if isinstance(node, ast.Call) and node.args:  # _("…")
        node = node.args[0]
    return " ".join(node.value.split()) if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
