"""A private RabbitMQ node: its own ports, cookie, data and user, on 127.0.0.1 only."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from deploy.local.broker_files import BrokerFiles, find_or_install
from deploy.local.keys import Keys
from deploy.local.lean_broker import lean_home
from deploy.local.ports import HOST, Ports, answers
from deploy.local.processes import Child, StackError, stop_all, until

USER = "linli"
VHOSTS = ("linli", "partners")
START_LIMIT_S = 60.0

# Its stores are closed in the first fraction of a second; then its statistics agent waits five
# seconds for nothing. What is durable would survive a kill at any moment.
STOP_GRACE_S = 2.5

# Schedulers that spin while they wait, or are tied to a core, take time from everything else
# on a small machine.
_ERLANG_FLAGS = "+sbwt none +sbwtdcpu none +sbwtdio none +stbt u"

_CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{amqp}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
load_definitions = {definitions}
max_message_size = 1048576
heartbeat = 30
collect_statistics_interval = 2000
raft.wal_max_size_bytes = 67108864
disk_free_limit.absolute = 100MB
log.console = true
log.console.level = info
"""


class RabbitMQ:
    """One node in `directory`. Data stay there from start to start; ports may change.

    `start` = `launch` + `wait_ready`, which may be called apart to let other things start
    meanwhile. After `kill` the node can be started again, with what it had on disk.
    """

    def __init__(self, directory: Path, *, ports: Ports, keys: Keys, tools: Path) -> None:
        self.directory = directory.resolve()
        self._ports, self._keys, self._tools = ports, keys, tools
        self._files: BrokerFiles | None = None
        self._node: Child | None = None
        self._epmd: Child | None = None

    @property
    def password(self) -> str:
        """Of the user `linli`, who may do everything on this node."""
        return self._keys.get("rabbitmq_password")

    @property
    def amqp_port(self) -> int:
        """AMQP 0-9-1."""
        return self._ports.get("amqp")

    @property
    def management_url(self) -> str:
        """The management API, with user and password."""
        return f"http://{USER}:{self.password}@{HOST}:{self._ports.get('management')}"

    def url(self, vhost: str = "linli") -> str:
        """Where to connect, with user and password."""
        return f"amqp://{USER}:{self.password}@{HOST}:{self.amqp_port}/{vhost}"

    def children(self) -> list[Child]:
        """The processes to stop, the node first."""
        return [child for child in (self._node, self._epmd) if child is not None]

    def alive(self) -> bool:
        """Whether the node's process runs."""
        return self._node is not None and self._node.alive()

    def start(self) -> None:
        """Start and wait; raises StackError with the end of the log when it does not come up."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start the processes and return at once."""
        self._files = self._files or find_or_install(self._tools)
        for name in ("amqp", "management", "epmd", "distribution"):
            self._ports.choose(name)
        self.directory.mkdir(parents=True, exist_ok=True)
        environment = self._environment(self._files)
        self._write_configuration()
        log, pids = self.directory.parent / "log", self.directory.parent / "pids"
        epmd_port = str(self._ports.get("epmd"))
        self._epmd = Child(
            "epmd",
            [str(self._files.epmd), "-address", HOST, "-port", epmd_port],
            log / "epmd.log",
            pids,
            env=environment,
        )
        self._epmd.start()
        self._node = Child(
            "rabbitmq",
            [str(self._files.server)],
            log / "rabbitmq.log",
            pids,
            env=environment,
            cwd=self.directory,
        )
        self._node.start()

    def wait_ready(self) -> None:
        """Wait until it answers on AMQP and its virtual hosts are there."""
        if until(lambda: self._ready() or not self.alive(), START_LIMIT_S) and self.alive():
            return
        told = self._node.tail() if self._node else ""
        self.stop()
        raise StackError(f"RabbitMQ 没有启动 / RabbitMQ did not start:\n{told}")

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Stop the node in order, and its port mapper after it."""
        if self._node is not None:
            self._node.stop(grace_s)
        stop_all([self._epmd] if self._epmd else [], 1.0)

    def kill(self) -> None:
        """End it as a power cut would."""
        for child in self.children():
            child.kill()

    def _ready(self) -> bool:
        token = b64encode(f"{USER}:{self.password}".encode()).decode("ascii")
        url = f"http://{HOST}:{self._ports.get('management')}/api/health/checks/virtual-hosts"
        request = Request(url, headers={"Authorization": f"Basic {token}"})
        try:
            with urlopen(request, timeout=5) as response:  # noqa: S310 - our own address
                ready: bool = response.status == 200
        except (URLError, OSError):
            return False
        return ready and answers(self.amqp_port)

    def _environment(self, files: BrokerFiles) -> dict[str, str]:
        home = self.directory
        cookie = home / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(self._keys.get("erlang_cookie"), encoding="utf-8")
            cookie.chmod(0o400)
        return {
            "HOME": str(home),
            "PATH": files.path,
            "LANG": "C.UTF-8",
            **files.environment,
            **lean_home(files.server, home / "home"),
            "ERL_EPMD_ADDRESS": HOST,
            "ERL_EPMD_PORT": str(self._ports.get("epmd")),
            "ERL_CRASH_DUMP_SECONDS": "0",
            "RABBITMQ_ALLOW_INPUT": "true",  # the start script then becomes the node itself
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_DIST_PORT": str(self._ports.get("distribution")),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "generated"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_NODENAME": "linli@localhost",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{_ERLANG_FLAGS} -noinput -kernel"
            " inet_dist_use_interface {127,0,0,1}",
        }

    def _write_configuration(self) -> None:
        definitions = self.directory / "definitions.json"
        everything = {"user": USER, "configure": ".*", "write": ".*", "read": ".*"}
        user = {"name": USER, "password": self.password, "tags": "administrator"}
        content = {
            "users": [user],
            "vhosts": [{"name": name} for name in VHOSTS],
            "permissions": [{**everything, "vhost": name} for name in VHOSTS],
        }
        definitions.touch(mode=0o600)
        definitions.write_text(json.dumps(content), encoding="utf-8")
        text = _CONFIGURATION.format(
            amqp=self.amqp_port,
            management=self._ports.get("management"),
            definitions=definitions,
        )
        (self.directory / "rabbitmq.conf").write_text(text, encoding="utf-8")
        plugins = "[rabbitmq_management].\n"
        (self.directory / "enabled_plugins").write_text(plugins, encoding="utf-8")
