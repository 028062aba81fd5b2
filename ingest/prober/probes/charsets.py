"""In which charset a page is written: by its byte order mark, its header, what its beginning says. Pure.

Names mean what they mean to browsers (WHATWG, by the library webencodings): `iso-8859-1` is windows-1252, `gb2312` is
GB 18030. docs/decisions/0098.
"""

import codecs
import re
from typing import NamedTuple

import webencodings

# As far as browsers look for what a page says of itself.
PRESCAN = 1024
# That of UTF-32 begins as that of UTF-16 does. Browsers do not know it; the text can be read all the same.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What browsers decode more of than Python does under that name.
_WIDER = {
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "big5": "big5hkscs",
    "x-user-defined": "cp1252",
}
# Browsers refuse to show these, and webencodings has no codec of them. The text can be read all the same.
_NOT_SHOWN = {"iso-2022-kr": "iso2022_kr", "csiso2022kr": "iso2022_kr", "hz-gb-2312": "hz"}
# Codecs that fail without a byte order mark; one with a mark does not come here.
_WITHOUT_MARK = {"utf-16": "utf-16-le", "utf-32": "utf-32-be"}
# Names that browsers do not know, and servers say all the same.
_OTHERS = re.compile(r"(?:cp|ibm|iso|utf|koi8|mac|hz|johab)[a-z0-9_:-]{0,20}")
_PARAMETER = re.compile(r"""charset\s*=\s*["']?\s*([^\s"';,]+)""", re.IGNORECASE)
_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_META = re.compile(rb"<meta[\s/]([^>]*)", re.IGNORECASE)
_XML = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
_HTTP_EQUIV = re.compile(rb"http-equiv\s*=", re.IGNORECASE)
_CONTENT = re.compile(rb"""content\s*=\s*(?:"[^"]*"|'[^']*')""", re.IGNORECASE)
_META_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([^\s"'/>;]+)""", re.IGNORECASE)

# What a page may be written in that says nothing, and is no UTF-8: what browsers know besides.
LEGACY = (
    "cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874", "koi8-r",
    "koi8-u", "cp866", "iso8859-2", "iso8859-3", "iso8859-4", "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-10",
    "iso8859-13", "iso8859-14", "iso8859-15", "iso8859-16", "mac-roman", "mac-cyrillic", "gb18030", "big5hkscs",
    "euc-jp", "cp932", "cp949",
)  # fmt: skip


class Charset(NamedTuple):
    """codec: of Python; None: nothing is said, or nothing that is known. said: the name that is not known."""

    codec: str | None
    said: str = ""


def charset_of(content_type: str, begins: bytes) -> Charset:
    """The charset of a page that begins so."""
    for mark, codec in _MARKS:
        if begins.startswith(mark):
            return Charset(codec)
    unknown = ""
    for label in (_of_header(content_type), _of_page(content_type, begins[:PRESCAN])):
        if label and (known := codec_of(label)) is not None:
            return Charset(known)
        unknown = unknown or label
    return Charset(None, unknown)


def codec_of(label: str) -> str | None:
    """Python's name of what a charset's name means, with which any bytes can be decoded; None if it means nothing."""
    known, name = webencodings.lookup(label), label.lower()
    if known is not None:
        found = _WIDER.get(known.name) or str(known.codec_info.name)
        return found if found != "replacement" else _NOT_SHOWN.get(name)
    try:
        found = codecs.lookup(name).name if _OTHERS.fullmatch(name) else ""
    except (LookupError, ValueError):
        return None
    return _WITHOUT_MARK.get(found, found) or None


def media_type(content_type: str) -> str:
    """The type without its parameters, in lower case."""
    return content_type.split(";")[0].strip().lower()


def is_markup(content_type: str) -> bool:
    """Whether a body of that type has character references; one that says no type is what it looks like: a page."""
    media = media_type(content_type)
    return not media or "html" in media or "xml" in media


def _of_header(content_type: str) -> str:
    found = _PARAMETER.search(content_type)
    return found[1] if found else ""


def _of_page(content_type: str, begins: bytes) -> str:
    """As HTML's prescan finds it, and the declaration of XML."""
    if not is_markup(content_type):
        return ""
    if declared := _XML.match(begins):
        return _in_ascii(declared[1])
    for meta in _META.finditer(_COMMENT.sub(b"", begins)):
        said = meta[1]
        found = _META_CHARSET.search(_CONTENT.sub(b"", said))
        if found is None and _HTTP_EQUIV.search(said):
            found = _META_CHARSET.search(said)
        if found is None:
            continue
        return _in_ascii(found[1])
    return ""


def _in_ascii(said: bytes) -> str:
    """The name that a page says in letters of ASCII: whoever could read it was not reading UTF-16."""
    label = said.decode("latin-1")
    return "utf-8" if label.lower().replace("_", "-").startswith(("utf-16", "utf-32", "ucs-2", "ucs-4")) else label
