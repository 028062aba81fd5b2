"""Pingfold in memory: the log, the real folds, the directory, the states and the API, without Kafka and without time.

Whatever is put into a journal is folded at once, effects included, unless its fold is held; time passes only by `tick`.
Nothing ever sleeps: a wait that cannot come true in the present state of the log is over at once.
"""

from functools import cache
from typing import Any

import httpx
from fastapi import FastAPI

from infra.egress.own_servers import guard_of
from infra.secrets.badge_links import BadgeLinks
from infra.secrets.calendar_links import CalendarLinks
from infra.secrets.confirmation_links import ConfirmationLinks
from infra.secrets.incident_links import IncidentLinks
from infra.secrets.people_tokens import PeopleTokens
from infra.secrets.secrets import Vault, hash_api_key
from processors.sender.preview import Previews
from query_api.app import create_app
from query_api.dependencies import Dependencies
from query_api.trying import TriesTargets
from schemas.base import Micros, encode
from schemas.definitions import ApiKey, Channel, KeyKind, Project
from schemas.ids import derived_id, new_id
from schemas.requests import ChannelCreate, ProjectCreate, ProjectsRequest
from schemas.topics import (
    PROBE_RESULTS,
    PROJECTS,
    TRANSITIONS,
)
from tests.conformance import Document
from tests.explaining import MemoryExplaining
from tests.given_settings import settings_of
from tests.measured_history import results_of
from tests.memory import Memory
from tests.memory_history import MemoryHistory, MemoryMonitorHistory
from tests.memory_questions import MemoryQuestions
from tests.memory_trails import MemoryAuditHistory, MemoryDeliveryHistory, MemoryPageHistory, MemoryPastThings
from tests.told_reports import Told, ToldReports, told_by
from tests.told_tries import ToldTries
from tests.told_uptimes import ToldUptimes

ADMIN_PASSWORD = "open sesame"
POP_KEY = "pp_live_" + "m" * 32
WRITE_KEY, READ_KEY = "hcw_" + "w" * 28, "hcr_" + "r" * 28
OTHER_KEY = "hcw_" + "o" * 28


class Harness:
    """Two projects with keys, and the API over them; each answer must be as the API's own document says. vault: None:
    what is sealed can be read in a test. trying: None: what is tried comes to what `tries` says."""

    def __init__(
        self, history: bool = True, vault: Vault | None = None, trying: TriesTargets | None = None, **settings: Any
    ) -> None:
        self.log = Memory()
        self.history = MemoryHistory(self.log)
        self.page_history = MemoryPageHistory(self.log)
        self.audit_history = MemoryAuditHistory(self.log)
        self.report_history = ToldReports(self._told, self.log.now)
        self.uptime_history = ToldUptimes(self._told, self._signals, self.log.now)
        self.explaining = MemoryExplaining(self.log)
        self.settings = settings_of(**settings)
        self.links = ConfirmationLinks(b"a key of links")
        self.subscription_links = ConfirmationLinks(b"a key of links of subscribers")
        self.incident_links = IncidentLinks(b"a key of links of incidents")
        self.calendar_links = CalendarLinks(b"a key of calendars")
        self.badge_links = BadgeLinks(b"a key of badges")
        self.people_tokens = PeopleTokens(lambda purpose: f"a key of {purpose}".encode())
        self.project = self.make_project(
            "main", {WRITE_KEY: "healthchecks", READ_KEY: "healthchecks-readonly", POP_KEY: "poppaping"}
        )
        self.other = self.make_project("other", {OTHER_KEY: "healthchecks", "p" * 32: "poppaping"})
        self.questions = MemoryQuestions(self.log)
        self.tries = ToldTries()
        self.app: FastAPI = create_app(self._dependencies(history, vault, trying))
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://pingfold.test",
            headers={"X-Api-Key": WRITE_KEY},
            event_hooks={"response": [_must_be_as_told]},
        )

    def _dependencies(self, history: bool, vault: Vault | None, trying: TriesTargets | None) -> Dependencies:
        return Dependencies(
            settings=self.settings,
            clock=self.log,
            partitions=self.log.partitions,
            sink=self.log,
            decisions=self.log,
            directory=self.log.directory,
            definitions_replica=self.log,
            states=self.log.states,
            monitor_states=self.log.monitor_states,
            delivery_states=self.log.delivery_states,
            states_replica=self.log,
            encrypt=_seal if vault is None else vault.encrypt,
            decrypt=_unseal if vault is None else vault.decrypt,
            links=self.links,
            subscription_links=self.subscription_links,
            incident_links=self.incident_links,
            calendar_links=self.calendar_links,
            badge_links=self.badge_links,
            people_tokens=self.people_tokens,
            source=self.log,
            history=self.history if history else None,
            monitor_history=MemoryMonitorHistory(self.log) if history else None,
            delivery_history=MemoryDeliveryHistory(self.log) if history else None,
            page_history=self.page_history if history else None,
            audit_history=self.audit_history if history else None,
            report_history=self.report_history if history else None,
            what_if=self.questions,
            trying=trying or self.tries,
            uptime_history=self.uptime_history if history else None,
            past_things=MemoryPastThings(self.log) if history else None,
            explaining=self.explaining,
            last_uses=self.log.last_uses,
            admin_password=ADMIN_PASSWORD,
            guard=guard_of(self.settings),
            preview=Previews(self.settings.base_url, "Pingfold", "Pingfold <ops@pingfold.example>").forms,
        )

    def make_project(self, name: str, keys: dict[str, KeyKind], check_limit: int | None = None) -> str:
        """A project; answers its id."""
        id, at = derived_id("project", name), self.log.time
        self.request(
            id,
            ProjectCreate(
                request=new_id(),
                at=at,
                project=Project(
                    id=id, name=name, ping_key=f"ping-{name}", created=at, webhook_secret="", check_limit=check_limit
                ),
                keys=tuple(
                    ApiKey(id=new_id(), project=id, kind=kind, hash=hash_api_key(key), prefix=key[:8], created=at)
                    for key, kind in keys.items()
                ),
            ),
        )
        return id

    def _told(self) -> Told:
        results = {id: list(results_of(self.log, id)) for id in {key for key, _ in self.log.of(PROBE_RESULTS)}}
        return told_by(self.log, TRANSITIONS, results)

    def _signals(self, check: str) -> list[tuple[Micros, bool]]:
        """When pings of a check said success or failure."""
        rows = self.history.rows(check)
        return [(row.at, row.kind == "success") for _, row, _ in rows if row.kind in ("success", "fail")]

    def make_channel(self, name: str) -> str:
        """A webhook channel of the main project; answers its id."""
        channel = Channel(
            id=new_id(), project=self.project, kind="webhook", url="https://a.test/", created=0, name=name
        )
        self.request(self.project, ChannelCreate(request=new_id(), at=self.log.time, channel=channel))
        return channel.id

    def request(self, project: str, request: ProjectsRequest) -> None:
        """Put a request into `projects`; it must be decided in favour."""
        self.log.send(PROJECTS.name, project, encode(request))
        assert self.log.decisions.pop(request.request).outcome == "made"


def _seal(secret: str, _: str) -> str:
    return f"sealed {secret[::-1]}"


def _unseal(stored: str, *_: str) -> str:
    return stored.removeprefix("sealed ")[::-1]


@cache
def _document() -> Document:
    return Document(Harness().app)


async def _must_be_as_told(answer: httpx.Response) -> None:
    await answer.aread()
    url = answer.request.url
    media_type = answer.headers.get("Content-Type", "")
    _document().check(
        answer.request.method, url.path, answer.status_code, answer.headers.keys(), answer.content, media_type
    )
