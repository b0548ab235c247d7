"""The standard's routes, twice: the real ones, and the sandbox under the same rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import Response, request

from services.intake.actions.opening import Seals
from services.intake.api.open311 import document, shapes
from services.intake.api.open311.calls import client_of, jurisdiction_of, read_call, read_query
from services.intake.api.open311.failing import PREFIX
from services.intake.api.open311.worlds import REAL, SANDBOX, World
from services.intake.api.open311.writing import FORMATS, answer
from services.intake.queries.open311.services import Offered, ServiceList
from services.intake.rules.open311.asking import read_asked, read_updates_window
from services.intake.rules.open311.attributes import definition
from services.intake.rules.open311.faults import Refused, unknown
from services.intake.rules.open311.services import Service
from services.intake.rules.requests import read_public_code
from shared import clock
from shared.db.session import Sessions
from shared.messaging.group_commit import GroupCommit
from shared.messaging.transaction import transaction
from shared.web.access import bearer_door, public
from shared.web.bodies import takes_up_to
from shared.web.openapi import ApiBlueprint

TOGETHER_MAX: Final = 32  # posts in one transaction
BODY_BYTES_MAX: Final = 41 * 1024 * 1024  # with photos; fields alone stay within the site's limit
WORLDS: Final = (REAL, SANDBOX)
DISCOVERY: Final = (f"{PREFIX}/discovery", f"{PREFIX}/v2/discovery")


class Door:
    """One of the two endpoints, with what its routes need."""

    def __init__(
        self, world: World, sessions: Sessions, seals: Seals, services: ServiceList
    ) -> None:
        self.world, self._sessions, self._services = world, sessions, services
        self._receive = world.make_reception(seals, services)
        self._together = GroupCommit(sessions, self._receive, together_max=TOGETHER_MAX)

    def list_services(self) -> Response:
        """服务目录。 / The services that may be asked for."""
        query = read_query()
        with self._sessions() as session:
            jurisdiction_of(session, query)
            offered = self._services.at(session, clock.now())
        return answer("services", [service.shown() for service in offered.listed()])

    def get_definition(self, service_code: str) -> Response:
        """一项服务要填的内容。 / What a service asks."""
        query = read_query()
        with self._sessions() as session:
            jurisdiction_of(session, query)
            service = _service(self._services.at(session, clock.now()), service_code)
        return answer("service_definition", definition(service.code, service.attributes))

    def post_request(self) -> Response:
        """提交诉求。 / Post a request; the same one again is answered the same."""
        call = read_call()
        if call.photos:  # made anew one by one: nobody else waits for that
            with transaction(self._sessions) as tx:
                (found,) = self._receive(tx, [call])
            if isinstance(found, Exception):
                raise found
        else:
            found = self._together.submit(call)
        told: dict[str, Any] = {}
        if found.public_code is not None:
            told["service_request_id"] = found.public_code
        if found.token is not None:
            told["token"] = found.token
        told |= {"service_notice": found.notice, "account_id": found.account_id}
        return answer("service_requests", [told])

    def get_token(self, token: str) -> Response:
        """用令牌换诉求编号。 / The request that a token stands for."""
        query = read_query()
        with self._sessions() as session:
            jurisdiction_of(session, query)
            code = self.world.request_behind(session, token)
        if code is None:
            raise Refused([unknown("token", token, "没有这个令牌", "there is no such token")])
        return answer("service_requests", [{"service_request_id": code, "token": token}])

    def list_requests(self) -> Response:
        """公开的诉求，最新的在前。 / Public requests, the newest first."""
        query = read_query()
        asked, faults = read_asked(query, clock.now())
        with self._sessions() as session:
            key_no = client_of(session, query)
            grids = jurisdiction_of(session, query)
            if faults:
                raise Refused(faults)
            offered = self._services.at(session, clock.now())
            trees = self.world.requests(session, asked, offered, key_no, grids)
        return answer("service_requests", trees)

    def get_request(self, service_request_id: str) -> Response:
        """一件诉求。 / One request."""
        query = read_query()
        extensions = read_asked(query, clock.now())[0].with_extensions
        code = read_public_code(service_request_id)
        with self._sessions() as session:
            key_no = client_of(session, query)
            jurisdiction_of(session, query)
            offered = self._services.at(session, clock.now())
            tree = code and self.world.request(session, code, offered, key_no, extensions)
        if not tree:
            raise Refused(
                [
                    unknown(
                        "service_request_id",
                        service_request_id,
                        "没有这件诉求",
                        "there is no such request",
                    )
                ]
            )
        return answer("service_requests", [tree])

    def list_updates(self) -> Response:
        """一段时间内的公开进展。 / Public updates of a time, the oldest first."""
        query = read_query()
        start, end, faults = read_updates_window(query, clock.now())
        with self._sessions() as session:
            key_no = client_of(session, query)
            grids = jurisdiction_of(session, query)
            if faults:
                raise Refused(faults)
            offered = self._services.at(session, clock.now())
            trees = self.world.updates(session, offered, key_no, (start, end), grids)
        return answer("service_request_updates", trees)

    def post_update(self) -> Response:
        """对一件诉求补充说明；同一 update_id 只记一次。 / Add to a request, once for each id."""
        query = read_query(with_form=True)
        with self._sessions() as session:
            key_no = client_of(session, query, is_required=True)
            jurisdiction_of(session, query)
            offered = self._services.at(session, clock.now())
        assert key_no is not None  # it was required
        sent = self.world.read_update(query)
        with transaction(self._sessions) as tx:
            self.world.take_update(tx, sent, offered, key_no)
        return answer("service_request_updates", [{"update_id": sent.update_id}])


@dataclass(frozen=True, slots=True)
class _Route:
    path: str
    shape: str
    root: str
    view: Callable[..., Response]
    describe: Callable[..., dict[str, Any]] = document.reads
    options: Mapping[str, Any] | None = None
    method: str = "GET"


def add_discovery(blueprint: ApiBlueprint, sessions: Sessions, services: ServiceList) -> None:
    """At both places where clients look for it."""

    def show_discovery() -> Response:
        """本接口在哪里。 / Where this interface is."""
        with sessions() as session:
            offered = services.at(session, clock.now())
        return answer("discovery", shapes.discovery(request.url_root, offered.changed_at))

    for place, path in enumerate(DISCOVERY):
        route = _Route("", "Open311Discovery", "discovery", show_discovery)
        _add(blueprint, path, f"discovery{place}", route)


def add_world(blueprint: ApiBlueprint, door: Door) -> None:
    """All routes of one endpoint, each in both formats."""
    requests = ("Open311Requests", "service_requests")
    updates = ("Open311Updates", "service_request_updates")
    of_updates = {"of_updates": True}
    routes = {
        "services": _Route("services", "Open311Services", "services", door.list_services),
        "definition": _Route(
            "services/<service_code>",
            "Open311Definition",
            "service_definition",
            door.get_definition,
        ),
        "requests": _Route("requests", *requests, door.list_requests, document.lists),
        "post": _Route(
            "requests", "Open311Posted", requests[1], door.post_request, document.posts,
            method="POST",
        ),
        "request": _Route("requests/<service_request_id>", *requests, door.get_request),
        "token": _Route("tokens/<token>", "Open311Token", requests[1], door.get_token),
        "updates": _Route(
            "servicerequestupdates", *updates, door.list_updates, document.lists, of_updates
        ),
        "post_update": _Route(
            "servicerequestupdates", "Open311Updated", updates[1], door.post_update,
            document.posts, of_updates, "POST",
        ),
    }  # fmt: skip
    for name, route in routes.items():
        _add(blueprint, f"{door.world.prefix}/{route.path}", f"{door.world.name}_{name}", route)


def _add(blueprint: ApiBlueprint, path: str, name: str, route: _Route) -> None:
    for form in FORMATS:
        described = route.describe(route.shape, route.root, form, **(route.options or {}))
        view = blueprint.doc(**described)(_plain(route.view))
        if route.method == "POST":
            view = takes_up_to(BODY_BYTES_MAX)(bearer_door(view))
        else:
            view = public(view)
        blueprint.route(f"{path}.{form}", methods=[route.method], endpoint=f"{name}_{form}")(view)


def _plain(view: Callable[..., Response]) -> Callable[..., Response]:
    """A function of its own for each route, so that what it declares is its own, too."""

    def called(**values: str) -> Response:
        return view(**values)

    called.__doc__ = view.__doc__
    called.__name__ = getattr(view, "__name__", "view")
    return called


def _service(offered: Offered, code: str) -> Service:
    service = offered.services.get(code)
    if service is None:
        raise Refused([unknown("service_code", code, "没有这项服务", "there is no such service")])
    return service
