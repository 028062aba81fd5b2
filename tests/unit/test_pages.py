"""A keyword is looked for in the text of a page: whatever its charset, its codings and the pieces it comes in."""

import gzip
import unicodedata
from encodings import aliases

import brotli
import pytest
import webencodings

from ingest.prober.probes.charsets import charset_of, codec_of
from ingest.prober.probes.content_coding import zstd
from ingest.prober.probes.page import TRIED
from ingest.prober.probes.text_search import unescaped
from tests.pages import HTML, read

# ---- charsets

WORDS = {
    "windows-1251": "Ошибка сервера",
    "koi8-r": "Ошибка сервера",
    "gbk": "服务器错误",
    "gb2312": "服务器错误",
    "gb18030": "服务器错误",
    "big5": "伺服器錯誤",
    "shift_jis": "サーバーエラー",
    "euc-jp": "サーバーエラー",
    "iso-2022-jp": "サーバーエラー",
    "euc-kr": "서버 오류",
    "iso-8859-1": "Störung",
    "iso-8859-15": "Störung für 5 €",
    "iso-8859-2": "Błąd serwera",
    "windows-1252": "Störung für 5 €",
    "windows-1255": "שגיאה",
    "windows-1258": "Lỗi máy chủ",
    "utf-8": "Störung Ошибка 服务器",
    "utf-16le": "Störung Ошибка",
    "utf-16be": "Störung Ошибка",
}


def in_charset(name: str, text: str) -> bytes:
    return b"".join(map(_with_tone, text)) if name == "windows-1258" else text.encode(name)


def _with_tone(letter: str) -> bytes:
    """windows-1258 writes tones apart."""
    apart = unicodedata.normalize("NFD", letter)
    if len(apart) == 1:
        return letter.encode("cp1258")
    return (unicodedata.normalize("NFC", apart[:-1]) + apart[-1]).encode("cp1258")


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("pieces", [1, 1000])
def test_a_page_says_its_charset(name: str, pieces: int) -> None:
    word = WORDS[name]
    page = in_charset(name, f"<p>vorher {word} nachher</p>")
    metas = [f'<meta charset="{name}">', f"<META content='text/html; charset={name}' http-equiv=content-type>"]
    found = [
        read(word, page, f"Content-Type: text/html; charset={name}", pieces=pieces),
        read(word, page, f'Content-Type: text/plain;Charset="{name.upper()}"', pieces=pieces),
    ]
    if not name.startswith("utf-16"):
        found += [read(word, meta.encode() + page, HTML, pieces=pieces) for meta in metas]
        found.append(read(word, f'<?xml version="1.0" encoding="{name}"?>'.encode() + page, "Content-Type: text/xml"))
    assert [each.found for each in found] == [True] * len(found)
    other = read("Nirgends ничего", page, f"Content-Type: text/html; charset={name}", pieces=pieces)
    assert (other.found, other.unreadable) == (False, "")


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("kind", [[], [HTML], ["Content-Type: text/plain"], [HTML + "; charset=unheard-of"]])
def test_a_page_that_does_not_say_its_charset_is_read_in_all(name: str, kind: list[str]) -> None:
    word = WORDS[name]
    page = in_charset(name, f"<p>vorher\n{word} nachher</p>")
    assert read(word, page, *kind).found
    assert not read("Nirgends ничего", page, *kind).found


def test_what_charset_a_page_is_in() -> None:
    html = "text/html"
    for begins, content_type, codec in [
        (b"\xef\xbb\xbfx", "text/html; charset=koi8-r", "utf-8"),
        (b"\xff\xfex\0", html, "utf-16-le"),
        (b"\xfe\xff\0x", html, "utf-16-be"),
        (b"", "text/html; charset=latin1", "cp1252"),
        (b"", "text/html; charset = 'Windows-1251' ; x=y", "cp1251"),
        (b"<meta charset=koi8-r>", html, "koi8-r"),
        (b"<meta charset=koi8-r>", "", "koi8-r"),
        (b"<meta charset=koi8-r>", "text/plain", None),
        (b"<!-- <meta charset=koi8-r> -->", html, None),
        (b"<!-- <meta charset=koi8-r> --><meta name=x charset=big5>", html, "big5hkscs"),
        (b'<meta name=description content="charset=koi8-r">', html, None),
        (b'<meta http-equiv="Content-Type" content="text/html; charset=x-sjis">', html, "cp932"),
        (b"\xff\xfe\0\0x\0\0\0", html, "utf-32-le"),
        (b"\0\0\xfe\xff\0\0\0x", html, "utf-32-be"),
        (b"<meta charset=utf-16>", html, "utf-8"),
        (b"<?xml version='1.0' encoding='UTF-16'?>", html, "utf-8"),
        (b"<?xml version='1.0' encoding=\"UCS-2\"?>", "text/xml", "utf-8"),
        (b"<meta charset=x-user-defined>", html, "cp1252"),
        (b" " * 1010 + b"<meta charset=koi8-r>", html, None),
        (b"<?xml version='1.0' encoding='ISO-8859-2'?>", "application/rss+xml", "iso8859-2"),
        (b"", "text/html; charset=cp437", "cp437"),
        (b"", "text/html; charset=rot13", None),
        (b"<meta charset=koi8-r>", "text/html; charset=nonsense", "koi8-r"),
        (b"", "text/html; charset=" + "x" * 500, None),
    ]:
        assert charset_of(content_type, begins).codec == codec, (begins, content_type)
    assert charset_of("text/html; charset=nonsense", b"").said == "nonsense"
    assert {codec_of(name) for name in ("gbk", "GB2312", "chinese")} == {"gb18030"}
    assert codec_of("\0") is None


def test_every_charset_that_is_known_decodes_whatever_comes() -> None:
    """A name that the library knows, and Python does not, was a defect of the prober's: no result at all."""
    names = {*webencodings.LABELS, *aliases.aliases, *aliases.aliases.values(), "utf-16", "utf16", "utf-32", "hz"}
    known = 0
    for name in names:
        for spelled in (name, name.upper(), name.replace("_", "-")):
            page = read("ill", bytes(range(256)) * 2, f"{HTML}; charset={spelled}")
            assert not page.found
            known += codec_of(spelled) is not None
    assert known > 500


def test_what_browsers_refuse_to_show_is_read() -> None:
    for name, codec, text in (("iso-2022-kr", "iso2022_kr", "한국"), ("hz-gb-2312", "hz", "中文")):
        assert read(text, text.encode(codec), f"{HTML}; charset={name}").found
    assert "unknown" in read("中文", b"\x1b$)A\xff", f"{HTML}; charset=iso-2022-cn").unreadable


def test_a_page_that_is_not_what_it_says() -> None:
    word, other = "Ошибка", "Störung"
    said = "it says that it is utf-8, and it is not: read as {} it holds the keyword"
    for page, wanted, why in [
        (word.encode("cp1251"), word, said.format("cp1251")),
        (word.encode("koi8-r"), word, said.format("koi8-r")),
        (word.encode("gb18030"), word, said.format("gb18030")),
        (other.encode("latin-1"), other, said.format("cp1252")),
        # A letter that is broken makes no other charset of a page; and what it holds nowhere is absent.
        ("größer ".encode() * 3 + b"\xff", word, ""),
        (word.encode("cp1251"), other, ""),
        (word.encode("cp1251"), "Error", ""),
    ]:
        for size in (0, TRIED):
            absent = read(wanted, b" " * size + page, f"{HTML}; charset=utf-8")
            assert (absent.found, absent.unreadable) == (False, why)
    assert read(other, f"<p>{other}</p>".encode(), f"{HTML}; charset=iso-8859-1").found


WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


@pytest.mark.parametrize("codec", WIDE)
@pytest.mark.parametrize("said", ["utf-8", "iso-8859-1", "windows-1251", "utf-16", "utf-16be", "utf-32"])
@pytest.mark.parametrize("word", ["error", "Ошибка"])
def test_no_word_is_absent_from_a_page_of_another_width_or_order(codec: str, said: str, word: str) -> None:
    page = read(word, f"<p>an {word} here</p>".encode(codec), f"{HTML}; charset={said}")
    assert page.found or page.unreadable, "it would be up for ever"
    assert page.found == (codec_of(said) == codec)
    other = read("nowhere", f"<p>an {word} here</p>".encode(codec), f"{HTML}; charset={codec_of(said)}")
    assert not other.found


def test_a_letter_of_the_other_order_is_another_letter() -> None:
    for codec in ("utf-16-le", "utf-16-be"):
        page = read("Ё", "<p>Ą, and nothing else</p>".encode(codec), f"{HTML}; charset={codec.replace('6-', '6')}")
        assert (page.found, page.unreadable) == (False, "")


def test_so_much_of_a_page_is_tried_in_all_charsets() -> None:
    word = "Ошибка"
    said = "it says no charset and is no UTF-8, and only its first 128 KB are tried in others"
    before, behind = (b"\xff" * TRIED)[: -len(word)], b"\xff" * TRIED
    for keyword, page, headers, found, unreadable in [
        (word, before + word.encode("cp1251"), [HTML], True, ""),
        (word, before, [HTML], False, ""),
        (word, behind + word.encode("cp1251"), [HTML], False, said),
        (word, behind + word.encode("cp1251"), [HTML + "; charset=windows-1251"], True, ""),
        (word, behind + word.encode("cp1251"), [HTML + "; charset=koi8-r"], False, ""),
        (word, behind + word.encode(), [HTML], True, ""),
        (word, b"a" * TRIED + "ж".encode(), [HTML], False, ""),
        ("Error", behind, [HTML], False, ""),
    ]:
        page_read = read(keyword, page, *headers)
        if found:
            assert page_read.found
        else:
            assert (page_read.found, page_read.unreadable) == (False, unreadable)


def test_text_is_compared_in_one_form() -> None:
    for form in ("NFC", "NFD"):
        for wanted in ("NFC", "NFD"):
            page = unicodedata.normalize(form, "<p>Größe: café, 각, Việt</p>").encode()
            for word in ("café", "각", "Việt", "Größe"):
                assert read(unicodedata.normalize(wanted, word), page, HTML).found
    assert not read("cafe", "café".encode(), HTML).found


@pytest.mark.parametrize("written", ["caf&eacute;", "caf&#233;", "caf&#xE9;", "caf&#x000000e9;", "café", "cafe&#x301;"])
def test_character_references_count_as_what_they_stand_for(written: str) -> None:
    page = f"<p>Ein {written} &amp; mehr</p>".encode()
    for keyword in ("Ein café", "café & mehr", written):
        assert read(keyword, page, HTML).found
        assert read(keyword, page, HTML, pieces=1000).found
    if "&" in written:
        assert not read("café", page, "Content-Type: text/plain").found


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("&#" + "9" * 5_000 + ";", "\ufffd"),
        ("&#x" + "F" * 5_000 + ";", "\ufffd"),
        ("&#" + "0" * 5_000 + "233;", "é"),
        ("&#" + "0" * 5_000, "\ufffd"),
        ("&#X" + "0" * 5_000 + "E9;", "é"),
        ("&#00000233", "é"),
        ("&#12345678;", "\ufffd"),
        ("&#1114112;", "\ufffd"),
        ("&#01114111;&#x0010FFFD;", "\U0010fffd"),
    ],
)
def test_references_of_any_length(written: str, seen: str) -> None:
    assert unescaped(f"<{written}>") == f"<{seen}>"
    page = read("well", f"<p>{written} is well</p>".encode(), HTML)
    assert (page.found, page.unreadable) == (True, "")
    assert (found := read("ill", f"<p>{written} is well</p>".encode(), HTML)).found is False
    assert not found.unreadable


# ---- what cannot be read


UNREADABLE: list[tuple[bytes, list[str], str]] = [
    (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, ["Content-Type: image/png"], "it is not text"),
    (gzip.compress(bytes(range(256)) * 9), [HTML], "it is not text"),
    (gzip.compress(bytes(range(256)) * 9), [HTML + "; charset=iso-8859-1"], "it is not text"),
    ("Ошибка".encode("cp1251"), [HTML + "; charset=unheard-of"], "its charset 'unheard-of' is unknown"),
    (b"all", ["Content-Encoding: compress"], "its coding 'compress' is unknown"),
    (b"all", ["Content-Encoding: gzip, aes128gcm"], "its coding 'aes128gcm' is unknown"),
    (b"all", ["Content-Encoding: gzip"], "its coding is not valid"),
    (b"\xff" * 9, ["Content-Encoding: br"], "its coding is not valid"),
    (b"all", ["Content-Encoding: br"], "its br is cut off"),
    (b"all", ["Content-Encoding: zstd"], "its coding is not valid"),
    (gzip.compress(b"all" * 999)[:-9], ["Content-Encoding: gzip"], "its gzip is cut off"),
    (brotli.compress(b"all" * 999)[:-2], ["Content-Encoding: br"], "its br is cut off"),
    (zstd.compress(b"all" * 999)[:-2], ["Content-Encoding: zstd"], "its zstd is cut off"),
    (gzip.compress(b"all" * 9), ["Content-Encoding: gzip, gzip"], "its coding is not valid"),
    (b"all", ["Content-Encoding: gzip, gzip, gzip, gzip, gzip, gzip"], "it has 6 codings"),
    (b"all", ["Transfer-Encoding: foo"], "its coding 'foo' is unknown"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(UNREADABLE)))
def test_what_cannot_be_read_says_why(number: int) -> None:
    body, headers, words = UNREADABLE[number]
    page = read("ill", body, *headers)
    assert (page.found, words in page.unreadable) == (False, True), page.unreadable


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", []),
        (b"", ["Content-Encoding: gzip"]),
        (b"all is well", ["Content-Encoding: utf-8"]),
        (b"all is well", ["Content-Encoding: aws-chunked"]),
        (b"all is well", ["Content-Encoding: null"]),
        (b"all is well", ["Content-Encoding: identity", "Content-Encoding:"]),
        ("größer".encode(), [HTML + "; charset=unheard-of"]),
        (b"{}", ["Content-Type: application/json"]),
    ],
)
def test_what_can_be_read(body: bytes, headers: list[str]) -> None:
    page = read("ill", body, *headers)
    assert (page.found, page.unreadable) == (False, "")
