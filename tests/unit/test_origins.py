"""What is given to one origin may be sent to it, to it with TLS, and nowhere else."""

import pytest

from schemas.origins import may_be_sent_to, origin_of, written_origin


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://A.test/x?y#z", "http://a.test"),
        ("https://a.test:443", "https://a.test"),
        ("https://a.test:80/", "https://a.test:80"),
        ("http://[2001:DB8::1]:8080/", "http://[2001:db8::1]:8080"),
        ("http://a.test:http/", ""),
        ("http:///x", ""),
        ("ftp://a.test/", ""),
        ("//a.test/", ""),
        ("", ""),
    ],
)
def test_origins(url: str, origin: str) -> None:
    assert origin_of(url) == origin
    assert origin_of(origin) == origin


@pytest.mark.parametrize(
    ("one", "other", "may"),
    [
        ("http://a.test", "http://a.test/x", True),
        ("http://a.test", "https://a.test/x", True),
        ("http://a.test", "https://a.test:443/", True),
        ("http://a.test", "https://a.test:8443/", False),
        ("http://a.test:8080", "https://a.test:8080/", False),
        ("https://a.test", "http://a.test/", False),
        ("http://a.test", "http://a.test:8080/", False),
        ("http://a.test", "http://b.test/", False),
        ("http://[::1]", "https://[::1]/", True),
        ("", "http://a.test/", False),
        ("", "", True),
    ],
)
def test_where_things_may_be_sent(one: str, other: str, may: bool) -> None:
    assert may_be_sent_to(one, other) is may


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("HTTP://user@A.test:80/x?y#z", "http://a.test"),
        ("https://a.test:80?x", "https://a.test:80"),
        ("https://a.test:/", "https://a.test"),
        ("https://a.test./", "https://a.test."),  # secrets are bound to it with its dot
        ("http://[2001:DB8::1]:8080/", "http://[2001:db8::1]:8080"),
        ("https://BÜcher.test/", "https://bÜcher.test"),  # no table says which letters are alike
        ("https://xn--bcher-kva.test/", "https://xn--bcher-kva.test"),
        ("ftp://a.test/", "ftp://a.test/"),
        ("", ""),
    ],
)
def test_origins_as_they_are_written(url: str, origin: str) -> None:
    assert written_origin(url) == origin
    assert written_origin(origin) == origin
    assert origin_of(url) == origin_of(written_origin(url))
