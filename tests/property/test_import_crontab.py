"""Crontabs of any bytes: reading ends, names places that are there, and writing again loses nothing."""

from hypothesis import given
from hypothesis import strategies as st

from pingfold.imports.crontab import read_crontab, rewritten
from pingfold.imports.crontab_lines import split_input, texts_of, unescaped
from pingfold.imports.things import NotReadable
from schemas.schedules import parse_schedule

BASE = "https://pingfold.example.com/ping/"
UUID = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"

_words = st.text("0123456789*/,-%\\'\"#=@ \tabLH?~é\x00\r", max_size=30)
_jobs = st.builds(
    "{} {} {} {}".format,
    st.sampled_from(["*/5 * * * *", "0 2 * * mon", "@daily", "-1 1 1 1 1", "60 * * * *", "@reboot", "0 0 31 2 *"]),
    st.sampled_from(["", "root", "LANG=C"]),
    _words,
    _words,
)
_lines = st.lists(
    st.one_of(_words, _jobs, st.sampled_from(["CRON_TZ=Europe/Riga", "SHELL=/bin/fish", ""])), max_size=12
)


@given(st.one_of(st.binary(max_size=300), _lines.map(lambda lines: "\n".join(lines).encode())), st.booleans())
def test_any_bytes_are_read_or_refused_and_written_again(content: bytes, system: bool) -> None:
    try:
        crontab = read_crontab(content, "UTC", 3600, system, BASE)
    except NotReadable:
        return
    texts = texts_of(content)
    names = [check.name for check in crontab.found.checks]
    slugs = [check.slug for check in crontab.found.checks if check.slug]
    assert len({*names}) == len(names)
    assert len({*slugs}) == len(slugs)
    for check in crontab.found.checks:
        parse_schedule(check.fields["schedule"], check.fields["tz"])
    as_it_was, _ = rewritten(content, crontab, lambda _: "", BASE)
    kept = [text.removesuffix("\r").encode("utf-8", "surrogateescape") for text in texts]
    assert as_it_was == b"".join(line + b"\n" for line in kept)
    new, notes = rewritten(content, crontab, lambda _: BASE + UUID, BASE)
    lines = texts_of(new)
    assert len(lines) == len(texts)
    changed = {
        number
        for number, (old, line) in enumerate(zip(texts, lines, strict=True), 1)
        if old.rstrip("\r") != line.rstrip("\r")
    }
    untold = {*crontab.checks} - {int(one.place.removeprefix("line ")) for one in notes.left}
    assert changed <= {*crontab.checks}
    assert untold <= changed
    again = read_crontab(new, "UTC", 3600, system, BASE)
    assert [(check.fields["schedule"], check.fields["tz"]) for check in again.found.checks if check.uuid == UUID] == [
        (check.fields["schedule"], check.fields["tz"])
        for number, check in zip(crontab.checks, crontab.found.checks, strict=True)
        if number in untold
    ]


@given(st.text("ab%\\'", max_size=40))
def test_no_percent_sign_that_ends_the_command_is_left_in_it(text: str) -> None:
    command, given = split_input(text)
    assert split_input(command) == (command, None)
    assert len(unescaped(command)) <= len(command)
    assert text == (command if given is None else f"{command}%{given}")
