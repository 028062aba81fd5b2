"""Names of hosts, as people write them and as they are looked up."""

from urllib.parse import SplitResult, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.egress.guard import Guard, TargetRefused
from schemas.host_names import (
    InvalidHost,
    _remembered_ascii_url,
    ascii_url,
    certificate_name,
    encoded_host,
    host_in,
    must_be_host_header,
)
from schemas.origins import may_be_sent_to, origin_of

NAMES = [
    ("bücher.test", "xn--bcher-kva.test"),
    ("BÜCHER.Test", "xn--bcher-kva.test"),
    ("bu\u0308cher.test", "xn--bcher-kva.test"),  # u and two dots
    ("bücher。test．", "xn--bcher-kva.test."),
    ("faß.test", "xn--fa-hia.test"),  # transitional processing would make it fass.test
    ("ΒΌΛΟΣ.test", "xn--nxasmq6b.test"),
    ("пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f"),
    ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
    ("☃.test", "xn--n3h.test"),  # not to be registered by IDNA 2008; browsers look it up
    ("نامه\u200cای.test", "xn--mgba3gch31f060k.test"),
    ("b%C3%BCcher.test", "xn--bcher-kva.test"),
    ("xn--bcher-kva.test", "xn--bcher-kva.test"),
    ("_dmarc.Site.TEST.", "_dmarc.site.test."),
    ("my_host", "my_host"),
    ("１２７.０.０.１", "127.0.0.1"),
    ("192.0.2.1", "192.0.2.1"),
    ("2001:DB8:0::1", "2001:db8::1"),
    ("[2001:db8::1]", "2001:db8::1"),
]

WRONG = [
    ("", "empty"),
    (".", "empty"),
    ("a..b", "empty"),
    ("a b.test", "character"),
    ("a/b.test", "character"),
    ("a\u200db.test", "character"),
    ("\u0301a.test", "character"),
    ("a\x00.test", "character"),
    ("b%fc.test", "not UTF-8"),
    ("local%68ost", "for no reason"),
    ("a" * 64 + ".test", "63 characters"),
    ("ü" * 60 + ".test", "as it is sent (xn--"),
    ("a." * 130 + "test", "253 characters"),
    ("a.test:80", "without a port"),
    ("fe80::1%eth0", "zone"),
    ("[fe80::1%25eth0]", "zone"),
    ("[192.0.2.1]", "only IPv6"),
    ("[::1", "without a port"),
]


@pytest.mark.parametrize(("written", "encoded"), NAMES)
def test_a_name_as_it_is_looked_up(written: str, encoded: str) -> None:
    assert encoded_host(written) == encoded
    assert encoded_host(encoded) == encoded
    assert certificate_name(written) == encoded.removesuffix(".")


@pytest.mark.parametrize(("written", "words"), WRONG)
def test_what_is_no_name_is_refused_with_a_word(written: str, words: str) -> None:
    with pytest.raises(InvalidHost, match="must ") as refused:
        encoded_host(written)
    assert words in str(refused.value)
    with pytest.raises(TargetRefused):
        Guard().check_host(written)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("例" * 60_000, "at most 253 characters"),
        ("%E4%BE%8B" * 60_000, "at most 253 characters"),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 1_000))), "at most 253 characters"),
        ("a\u0300\u0315" * 330, "at most 253 characters"),
        ("。".join(["例え"] * 100), "at most 253 characters"),
        ("例" * 64 + ".test", "longer than the 63 characters that a part of a name may have"),
        ("%E4%BE%8B" * 64 + ".test", "longer than the 63 characters that a part of a name may have"),
    ],
)
def test_what_is_too_long_is_never_encoded(written: str, words: str) -> None:
    """To encode a label takes longer the longer it is: an hour for 60,000 letters."""
    with pytest.raises(InvalidHost) as refused:
        encoded_host(written)
    assert str(refused.value).endswith(words)
    with pytest.raises(InvalidHost):
        ascii_url(f"http://{written}/")


def test_a_long_name_may_be_written_in_any_form() -> None:
    name = ".".join(["ü" * 50] * 4)
    encoded = encoded_host(name)
    assert 200 < len(encoded) <= 253
    assert (
        encoded_host(name.replace("ü", "u\u0308")) == encoded_host(name.replace("ü", "u%CC%88") + "。")[:-1] == encoded
    )


def test_long_urls_are_not_remembered() -> None:
    before = _remembered_ascii_url.cache_info().currsize
    for length in (2_001, 100_000):
        url = f"http://long.test/{'é' * length}"
        assert ascii_url(url) == f"http://long.test/{'%C3%A9' * length}"
    assert _remembered_ascii_url.cache_info().currsize == before


def test_the_dns_has_names_that_are_no_hosts() -> None:
    assert encoded_host("0/25.2.0.192.in-addr.arpa", in_dns=True) == "0/25.2.0.192.in-addr.arpa"
    assert encoded_host("*.site.test", in_dns=True) == "*.site.test"
    assert encoded_host(".", in_dns=True) == "."


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        encoded = encoded_host(text)
    except InvalidHost:
        return
    assert encoded.isascii()
    assert encoded == encoded.lower()
    assert max(len(label) for label in encoded.split(".")) <= 63 or ":" in encoded
    assert encoded_host(encoded) == encoded


URLS = [
    ("http://Bücher.test/", "http://xn--bcher-kva.test/"),
    ("https://bücher.test:8443/ä/%C3%B6?q=ü&r=%20#x", "https://xn--bcher-kva.test:8443/%C3%A4/%C3%B6?q=%C3%BC&r=%20"),
    ("http://site。test", "http://site.test"),
    ("http://site.test./", "http://site.test./"),
    ("http://[2001:DB8::1]:80/", "http://[2001:db8::1]:80/"),
    ("http://user:word@ΒΌΛΟΣ.test/", "http://xn--nxasmq6b.test/"),
    ("http://h/a/../b?%2F=%zz", "http://h/a/../b?%2F=%zz"),
    ("http://h/ä?#x?", "http://h/%C3%A4?"),
    ("http://h?", "http://h?"),
    ("http://h/??", "http://h/??"),
    ("http://h/#?", "http://h/"),
]


@pytest.mark.parametrize(("written", "requested"), URLS)
def test_a_url_as_it_is_requested(written: str, requested: str) -> None:
    assert ascii_url(written) == requested
    assert ascii_url(requested) == requested


def test_the_host_of_a_url_is_told_as_it_was_written() -> None:
    assert host_in(urlsplit("http://u:p@Bücher.TEST:80/")) == "Bücher.TEST"
    assert host_in(urlsplit("http://[::1]:80/")) == "[::1]"


def test_both_forms_of_a_name_are_one_origin() -> None:
    assert (
        origin_of("http://Bücher.test/a") == origin_of("http://xn--bcher-kva.test:80/") == "http://xn--bcher-kva.test"
    )
    assert may_be_sent_to("http://xn--bcher-kva.test", "https://bücher.test/")
    assert origin_of("http://ü b/") == ""


@pytest.mark.parametrize(
    "host",
    ["１２７.０.０.１", "①②⑦.0.0.1", "LOCALHOST.", "ｌｏｃａｌｈｏｓｔ", "127。1", "[::ffff:10.0.0.1]", "local%68ost"],
)
def test_no_way_of_writing_it_leads_to_a_private_address(host: str) -> None:
    with pytest.raises(TargetRefused):
        Guard().check_host(host)


@pytest.mark.parametrize(
    "value",
    ["site.test", "Bücher.test:8443", "site.test.:", "a_b.test", "192.0.2.1:80", "[2001:db8::1]:80", "", " a.test "],
)
def test_what_a_host_header_may_hold(value: str) -> None:
    must_be_host_header(value)


@pytest.mark.parametrize(
    "value",
    [
        "a b",
        "a/b",
        "http://a.test/",
        "u@a.test",
        "a.test:99999",
        "a.test:http",
        "a.test:80:80",
        "[::1",
        "[::1]x",
        "a..b",
        ":80",
    ],
)
def test_what_no_host_header_holds(value: str) -> None:
    with pytest.raises(InvalidHost, match=r"must be a host name|IP address"):
        must_be_host_header(value)


@given(st.text(max_size=20))
def test_any_text_is_a_host_header_or_refused(value: str) -> None:
    """And what is taken names a host that certificates can be asked for, or none."""
    try:
        must_be_host_header(value)
    except InvalidHost:
        return
    assert value.strip() == "" or encoded_host(host_in(SplitResult("", value.strip(), "", "", "")))
