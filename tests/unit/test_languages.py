"""The sentences of notices: every language has every one, with the same values in it.

Every notice is told in it."""

import string
from typing import Any

import pytest

from processors.sender.notice_facts import facts_of, reading_of
from query_api.preview_samples import preview_sample
from schemas.languages.catalogues import CATALOGUES, ENGLISH, LANGUAGES, sentence
from schemas.languages.causes import in_units, told_cause
from schemas.languages.reading import ENGLISH_UTC, Reading
from schemas.notices import NOTICES, UNCHOSEN, AnyNotice
from schemas.probe_kinds import FAILURE_WORDS
from tests.chats import SlackService
from tests.service_channels import AT, SITE, data_of, endpoint_to
from tests.service_channels import TOLD as SAMPLED

OTHERS = sorted(set(LANGUAGES) - {ENGLISH})
TOLD: tuple[AnyNotice, ...] = (*NOTICES, *UNCHOSEN)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_there_are_four_languages_at_least() -> None:
    assert {"en", "de", "fr", "es"} <= set(LANGUAGES)


@pytest.mark.parametrize("language", OTHERS)
def test_each_language_has_each_sentence_with_the_same_values(language: str) -> None:
    english, other = CATALOGUES[ENGLISH], CATALOGUES[language]
    assert sorted(other) == sorted(english)
    assert {key: placeholders(text) for key, text in other.items()} == {
        key: placeholders(text) for key, text in english.items()
    }
    assert all(text.strip() for text in other.values())


def test_each_notice_has_a_sentence() -> None:
    assert set(TOLD) <= set(CATALOGUES[ENGLISH])
    assert set(TOLD) == set(SAMPLED)


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("notice", TOLD)
def test_each_notice_is_told_in_each_language(notice: AnyNotice, language: str) -> None:
    reading = Reading(language, "Europe/Berlin")
    for data in (data_of(notice), preview_sample(notice, AT)):
        told, english = facts_of(notice, data, SITE, reading), facts_of(notice, data, SITE)
        if CATALOGUES[ENGLISH][notice] != "{name}":  # but for what has a name that says it all
            assert told["says"] != english["says"]
        assert told["name"] in told["says"]


def test_what_a_language_lacks_is_told_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CATALOGUES, "nn", {"cause": "Årsak"})
    assert sentence("nn", "cause") == "Årsak"
    assert sentence("nn", "since") == "Since"
    assert sentence("no such language", "since") == "Since"


def test_values_are_no_templates() -> None:
    assert sentence("de", "monitor.down", name="{since} {0} %s") == "{since} {0} %s ist ausgefallen"


def test_a_time_is_told_in_the_zone_of_the_reader() -> None:
    berlin = Reading("en", "Europe/Berlin")
    assert berlin.moment("2025-01-15T12:00:00+00:00") == "2025-01-15 13:00:00 CET"
    assert berlin.moment("2025-07-15T12:00:00+00:00") == "2025-07-15 14:00:00 CEST"
    assert berlin.moment("2025-10-26T00:30:00+00:00") == "2025-10-26 02:30:00 CEST"
    assert berlin.moment("2025-10-26T01:30:00+00:00") == "2025-10-26 02:30:00 CET"
    assert Reading("en", "America/Sao_Paulo").moment("2025-01-15T12:00:00+00:00") == "2025-01-15 09:00:00 -03"
    assert ENGLISH_UTC.moment("2025-01-15T12:00:00+00:00") == "2025-01-15 12:00:00 UTC"


@pytest.mark.parametrize("text", ["", "yesterday", "2025-01-15T12:00:00", "9999-12-31T23:59:59+00:00"])
def test_what_is_no_moment_stays_as_it_is(text: str) -> None:
    for zone in ("Pacific/Kiritimati", "no such zone"):
        assert Reading("en", zone).moment(text).startswith(text.replace("T", " ").replace("+00:00", ""))


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (
            "No ping for 1:05:00 (expected at 2025-01-15T12:00:00+00:00, late limit 0:05:00)",
            "Seit 1 h 5 min kein Ping (erwartet um 2025-01-15 13:00:00 CET, Verspätung bis 5 min erlaubt)",
        ),
        (
            "No ping for 1 day, 2:00:00 (expected at 2025-01-15T12:00:00+00:00)",
            "Seit 1 d 2 h kein Ping (erwartet um 2025-01-15 13:00:00 CET)",
        ),
        (
            "Run a) (b exceeded its limit of 0:00:30 (started at 2025-01-15T12:00:00+00:00)",
            "Der Lauf a) (b hat seine Grenze von 30 s überschritten (begonnen um 2025-01-15 13:00:00 CET)",
        ),
        ("Exit status 3", "Exit-Status 3"),
        ("Reported failure", "Fehler gemeldet"),
        ("Connection failed: ECONNREFUSED: refused", "Verbindung fehlgeschlagen: ECONNREFUSED: refused"),
        ("TLS failed over IPv6 only: bad", "TLS fehlgeschlagen nur über IPv6: bad"),
        ("Connection timed out", "Zeitüberschreitung der Verbindung"),
        (
            "no ping since 2025-01-15T12:00:00+00:00; expected at 2025-01-15T13:00:00+00:00, down at "
            "2025-01-15T13:05:00+00:00 if none comes",
            "kein Ping seit 2025-01-15 13:00:00 CET; erwartet um 2025-01-15 14:00:00 CET, ausgefallen um "
            "2025-01-15 14:05:00 CET, wenn keiner kommt",
        ),
        (
            "no ping yet; Pingfold could not be reached from 2025-01-15T12:00:00+00:00 to 2025-01-15T12:00:11+00:00",
            "noch kein Ping; Pingfold war nicht erreichbar von 2025-01-15 13:00:00 CET bis 2025-01-15 13:00:11 CET",
        ),
        (
            "Exit status 3 at 2025-01-15T12:00:00+00:00, during maintenance",
            "Exit-Status 3 um 2025-01-15 13:00:00 CET, während der Wartung",
        ),
        ("nothing delivered for 5 days; last: HTTP 500", "seit 5 Tagen nichts zugestellt; zuletzt: HTTP 500"),
        ("the moon is full", "the moon is full"),
    ],
)
def test_a_cause_is_told_in_the_language_of_the_channel(cause: str, told: str) -> None:
    data = {"monitor": {"name": "Shop"}, "incident": {"cause": cause}}
    assert facts_of("monitor.down", data, SITE, Reading("de", "Europe/Berlin"))["cause"] == told


@pytest.mark.parametrize("notice", sorted({*NOTICES, "channel.disabled", "channel.failing"}))
def test_the_causes_that_the_folds_give_are_known(notice: AnyNotice) -> None:
    cause = facts_of(notice, preview_sample(notice, AT), SITE)["cause"]
    told = facts_of(notice, preview_sample(notice, AT), SITE, Reading("fr", "Europe/Paris"))
    assert told["cause"] != cause
    assert " UTC" not in str(told)


def test_each_failure_of_a_probe_is_known() -> None:
    known = {text for key, text in CATALOGUES[ENGLISH].items() if key.startswith("failure.")}
    assert set(FAILURE_WORDS.values()) <= known
    for words in FAILURE_WORDS.values():
        assert told_cause("es", words) != words


def test_a_duration_has_its_two_greatest_units() -> None:
    seconds = (0, 59, 60, 3_723, 86_400, 90_000, 8_640_059)
    assert [in_units(each) for each in seconds] == ["0 s", "59 s", "1 min", "1 h 2 min", "1 d", "1 d 1 h", "100 d"]


def test_options_that_nobody_checked_do_no_harm() -> None:
    options: dict[str, Any] = {"language": 7, "timezone": True}
    endpoint, _ = endpoint_to(SlackService(), options=options)
    reading = reading_of(endpoint)
    assert facts_of("monitor.down", data_of("monitor.down"), SITE, reading)["says"] == "Shop is down"
    assert reading.moment("2025-01-15T12:00:00+00:00") == "2025-01-15 12:00:00 UTC"
