"""Why a probe failed, in the words of updown.io."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.monitors.messages import cause_of
from schemas.probe_kinds import FAILURE_WORDS, PROBER_ERRORS, Failure
from schemas.probes import ProbeCompleted
from schemas.updown_errors import error_words, error_words_of

FAILURES = sorted(get_args(Failure))


@pytest.mark.parametrize(
    ("failure", "detail", "words"),
    [
        ("timeout", "after 10 s", "Connection timeout (10 seconds)"),
        ("timeout", "after 2.5 s", "Connection timeout (2.5 seconds)"),
        ("timeout", "in the TLS handshake, after 10 s", "TLS handshake timeout (10 seconds)"),
        ("timeout", "", "Connection timeout"),
        ("name", "domain name not found", "Couldn't resolve host name"),
        ("status", "500", "500"),
        ("status", "418", "418 I'm a teapot"),
        ("keyword", "not found", "no_match"),
        ("keyword", "found", "Keyword check failed: found"),
        ("connect", "connection refused", "Couldn't connect to server"),
        ("tls", "certificate refused: certificate has expired", "SSL certificate problem: certificate has expired"),
        ("tls", "handshake failed", "SSL connect error"),
        ("closed", "without an answer", "Server returned nothing (no headers, no data)"),
        ("closed", "in the head of the answer", "Failure when receiving data from the peer"),
        ("protocol", "invalid header", "Weird server reply"),
        ("redirects", "more than 5", "Number of redirects hit maximum amount"),
        ("refused target", "a private address", "Address may not be probed: a private address"),
        ("answer", "554: the server refuses", "Unexpected answer: 554: the server refuses"),
        ("", "", ""),
        ("prober_error", "no sockets", ""),
        ("of a later version", "x", ""),
    ],
)
def test_words(failure: str, detail: str, words: str) -> None:
    assert error_words_of(failure, detail) == words


def test_the_status_may_be_told_apart() -> None:
    assert error_words_of("status", "", 503) == "503"
    assert error_words_of("status", "503", 418) == "418 I'm a teapot"


@pytest.mark.parametrize("failure", FAILURES)
def test_every_failure_has_words_that_accuse_nobody_else(failure: Failure) -> None:
    assert bool(error_words_of(failure, "500")) == (failure not in PROBER_ERRORS and failure != "")


@given(
    st.sampled_from([failure for failure in FAILURES if failure in FAILURE_WORDS]),
    st.one_of(
        st.just(""), st.sampled_from(["after 10 s", "500", "not found", "without an answer"]), st.text(max_size=40)
    ),
    st.sampled_from(["", "ipv4", "ipv6"]),
)
def test_the_cause_of_an_incident_says_the_same(failure: Failure, detail: str, family: str) -> None:
    told = {"slot": 0, "region": "a", "at": 0, "took": 0, "ok": False, "family_down": family}
    result = ProbeCompleted(**told, failure=failure, detail=detail)  # type: ignore[arg-type]
    assert error_words(cause_of(result)) == error_words_of(failure, detail)


@pytest.mark.parametrize("cause", ["", "No ping since 02:00", "Connection", "Connection failedly", "Failed: x"])
def test_what_is_no_failure_of_a_probe_stays_as_it_is(cause: str) -> None:
    assert error_words(cause) == cause
