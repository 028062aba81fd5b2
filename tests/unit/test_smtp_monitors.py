"""Monitors of SMTP through the PoppaPing API: ports, encryption, and what other types make of their field."""

from typing import Any

import pytest

from tests.harness import ADMIN_PASSWORD, POP_KEY, Harness

PATH = "/api/v1/monitors"
SMTP = {"name": "Mail", "type": "smtp", "host": "mail.example.com"}


class Api:
    """The monitors of a project, changed by requests."""

    def __init__(self) -> None:
        self.harness = Harness()

    async def ask(self, method: str, path: str = "", body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {POP_KEY}"}
        answer = await self.harness.client.request(method, PATH + path, json=body, headers=headers)
        return answer.status_code, answer.json()

    async def made(self, **fields: Any) -> dict[str, Any]:
        status, answer = await self.ask("POST", "", SMTP | fields)
        assert status == 201, answer
        monitor: dict[str, Any] = answer["data"]
        return monitor

    async def changed(self, id: str, **fields: Any) -> tuple[int, str]:
        """Port and encryption after a change."""
        status, answer = await self.ask("PATCH", f"/{id}", fields)
        assert status == 200, answer
        _, read = await self.ask("GET", f"/{id}")
        assert {**read["data"], "uptime_percentage": None} == {**answer["data"], "uptime_percentage": None}
        return answer["data"]["port"], answer["data"].get("smtp_tls", "")

    async def refused(self, fields: dict[str, Any]) -> str:
        status, answer = await self.ask("POST", "", SMTP | fields)
        assert (status, answer["error"]) == (400, "validation_error")
        message: str = answer["message"]
        return message


@pytest.mark.parametrize(
    ("fields", "port", "tls"),
    [
        ({}, 25, "if_offered"),
        ({"smtp_tls": None}, 25, "if_offered"),
        ({"smtp_tls": "required"}, 25, "required"),
        ({"smtp_tls": "implicit"}, 465, "implicit"),
        ({"smtp_tls": "never", "port": 2525}, 2525, "never"),
        ({"smtp_tls": "implicit", "port": 25}, 25, "implicit"),
    ],
)
async def test_a_mail_server(fields: dict[str, Any], port: int, tls: str) -> None:
    api = Api()
    monitor = await api.made(**fields)
    assert (monitor["type"], monitor["host"], monitor["port"]) == ("smtp", "mail.example.com", port)
    assert (monitor["smtp_tls"], monitor["interval_seconds"], monitor["timeout_seconds"]) == (tls, 60, 30)
    _, listed = await api.ask("GET")
    assert listed["data"] == [monitor]
    definition = api.harness.log.directory.monitor(monitor["id"])
    assert definition is not None
    assert (definition.target.port, definition.target.options) == (port, {"tls": tls})


async def test_a_port_that_nobody_has_chosen_goes_with_the_encryption() -> None:
    api = Api()
    id = (await api.made())["id"]
    assert await api.changed(id, interval_seconds=30) == (25, "if_offered")
    assert await api.changed(id, smtp_tls="implicit") == (465, "implicit")
    assert await api.changed(id, host="mx.example.com") == (465, "implicit")
    assert await api.changed(id, smtp_tls=None) == (25, "if_offered")
    assert await api.changed(id, port=587, smtp_tls="required") == (587, "required")
    assert await api.changed(id, smtp_tls="implicit") == (587, "implicit")
    assert await api.changed(id, type="tcp", host="mx.example.com", port=587) == (587, "")
    assert await api.changed(id, type="smtp", host="mx.example.com") == (25, "if_offered")


async def test_it_is_on_the_dashboard() -> None:
    api = Api()
    await api.made(smtp_tls="implicit")
    page = (await api.harness.client.get("/", auth=("", ADMIN_PASSWORD))).text
    assert "smtp mail.example.com:465" in page


async def test_what_is_wrong_is_said() -> None:
    api = Api()
    assert "'smtp_tls'" in await api.refused({"smtp_tls": "starttls"})
    status, answer = await api.ask("POST", "", {"name": "Mail", "type": "smtp"})
    assert (status, answer["message"]) == (400, "Field 'host' is required for a monitor of type 'smtp'.")
    assert "'host'" in await api.refused({"host": "10.0.0.1"})
    other = {"type": "tcp", "port": 25, "smtp_tls": "never"}
    assert await api.refused(other) == "Field 'smtp_tls' is for a monitor of type 'smtp' only."
    status, _ = await api.ask("POST", "", SMTP | other | {"smtp_tls": None})
    assert status == 201


async def test_monitors_of_other_types_are_answered_as_before() -> None:
    api = Api()
    _, answer = await api.ask("POST", "", {"name": "Site", "url": "https://example.com/"})
    assert "smtp_tls" not in answer["data"]
