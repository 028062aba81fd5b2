"""Settings of a question as people write them: `grace=20m`, `confirmations=3`, `channels=none`, and what a sweep tries:
`grace=5m..1h`, `grace=5m..1h/5m`, `grace=5m,20m,1h`. Values that hold commas themselves have `|` between them:
`channels=Ops|Ops,Chat`; so have schedules always, `schedule=Mon..Fri 02:00|0 1,13 * * *`. Pure.

Whatever is wrong with one is an `InvalidQuestion` that names the field and the setting, and says what is taken.
"""

from collections.abc import Iterable, Mapping, Sequence

from infra.settings.durations import format_duration, parse_duration
from query_api.errors import ValidationError
from schemas.definitions import Channel
from schemas.ids import is_uuid
from schemas.monitors import Monitor
from schemas.schedules import BadSchedule, BadTimezone, canonical_tz, parse_schedule
from schemas.what_if.questions import MOST_VALUES
from schemas.what_if.settings import LONGEST_KEYWORDS, MOST_DEPENDENCIES, REFUSED, SETTINGS, Change, Changes, Setting

_STEPS = 12
_FLAGS: Mapping[str, bool] = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NOTHING = frozenset({"none", "null"})


class InvalidQuestion(ValidationError):
    """A question makes no sense; the text completes "Field '<field>' ...".

    unknown: it names something that the project does not have. setting: what is wrong with it is said in the words of
    the API that changes it.
    """

    def __init__(self, field: str, text: str, *, unknown: bool = False, setting: str = "") -> None:
        super().__init__(f"Field '{setting}': {text}." if setting else f"Field '{field}' {text}.")
        self.field, self.unknown = field, unknown
        self.text = f"{setting}: {text}" if setting else text


class Reader:
    """channels, monitors: those of the project that is asked about."""

    def __init__(self, channels: Sequence[Channel], monitors: Sequence[Monitor]) -> None:
        self._channels = channels
        self._monitors = {monitor.id: monitor for monitor in monitors}

    def changes(self, given: Mapping[str, object]) -> Changes:
        """What is set, by name. Raises `InvalidQuestion`."""
        return tuple(
            Change(name, self._value("set", _setting("set", name), _text(value))) for name, value in given.items()
        )

    def sweep(self, given: str) -> Changes:
        """What a sweep tries, in order. Raises `InvalidQuestion`."""
        name, equals, text = given.partition("=")
        if not equals or not text.strip():
            raise InvalidQuestion(
                "sweep", "must be a setting and a range, such as grace=5m..1h, or values with commas or | between them"
            )
        setting = _setting("sweep", name.strip())
        values = tuple(dict.fromkeys(_swept(setting, text)))
        if len(values) > MOST_VALUES:
            raise InvalidQuestion("sweep", f"tries {len(values)} values; at most {MOST_VALUES} are tried")
        try:
            return tuple(dict.fromkeys(Change(setting.name, self._value("sweep", setting, each)) for each in values))
        except InvalidQuestion as invalid:
            if setting.form == "schedule" and len(values) == 1 and "," in text:
                raise InvalidQuestion("sweep", f"{invalid.text}; put | between several schedules") from None
            raise

    def _value(self, field: str, setting: Setting, text: str) -> int | bool | str | tuple[str, ...] | None:
        name, text = setting.name, text if setting.form == "text" else text.strip()
        if setting.null and text in _NOTHING:
            return None
        match setting.form:
            case "seconds" | "number":
                return _in_range(field, setting, _number(field, setting, text))
            case "flag":
                if text.lower() not in _FLAGS:
                    raise InvalidQuestion(field, f"has '{name}={_cut(text)}'; true or false is taken")
                return _FLAGS[text.lower()]
            case "text":
                if len(text) > LONGEST_KEYWORDS:
                    raise InvalidQuestion(field, f"has a '{name}' that is longer than {LONGEST_KEYWORDS} characters")
                if "\0" in text or not _is_text(text):
                    raise InvalidQuestion(field, f"has a '{name}' that holds what is no character of a text")
                return text
            case "none":
                if text not in _NOTHING:
                    raise InvalidQuestion(field, f"has '{name}={_cut(text)}'; only '{name}=none' can be asked about")
                return "none"
            case "channels":
                return self._named(field, text)
            case "monitors":
                return self._dependencies(field, text)
            case "schedule" | "tz":
                return _schedule(field, name, text)

    def _named(self, field: str, text: str) -> tuple[str, ...]:
        if text in _NOTHING or not text:
            return ()
        if text == "*":
            return tuple(channel.id for channel in self._channels)
        return tuple(dict.fromkeys(self._channel(field, each.strip()) for each in text.split(",")))

    def _channel(self, field: str, text: str) -> str:
        found = [channel.id for channel in self._channels if text in (channel.id, channel.name) and text]
        if len(found) != 1:
            problem = "names no channel of the project" if not found else "has a name that several channels have"
            raise InvalidQuestion(field, f"{problem}: '{_cut(text)}'; give its id", unknown=not found)
        return found[0]

    def _dependencies(self, field: str, text: str) -> tuple[str, ...]:
        if text in _NOTHING or not text:
            return ()
        ids = tuple(dict.fromkeys(each.strip().lower() for each in text.split(",")))
        if len(ids) > MOST_DEPENDENCIES:
            raise InvalidQuestion(field, f"has more than {MOST_DEPENDENCIES} monitors in 'depends_on'")
        for id in ids:
            if not is_uuid(id) or id not in self._monitors:
                raise InvalidQuestion(field, f"names no monitor of the project: '{_cut(id)}'", unknown=True)
        return ids


def _setting(field: str, name: str) -> Setting:
    if (setting := SETTINGS.get(name)) is not None:
        return setting
    if name in REFUSED:
        raise InvalidQuestion(field, f"has '{name}', about which nothing can be said: {REFUSED[name]}")
    raise InvalidQuestion(field, f"has '{_cut(name)}', which is no setting; these are: {', '.join(SETTINGS)}")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    raise InvalidQuestion("set", "must have texts, whole numbers, true, false or null as values")


def _number(field: str, setting: Setting, text: str) -> int:
    if len(text) <= 12 and text.isascii() and text.isdigit():
        return int(text)
    if setting.form == "seconds":
        try:
            seconds = parse_duration(text)
        except ValueError:
            seconds = None
        if seconds is not None:
            return seconds
        raise InvalidQuestion(
            field, f"has '{setting.name}={_cut(text)}'; a duration such as 20m, or a number of seconds, is taken"
        )
    raise InvalidQuestion(field, f"has '{setting.name}={_cut(text)}'; a whole number is taken")


def _in_range(field: str, setting: Setting, value: int) -> int:
    if setting.least <= value <= setting.most:
        return value
    least, most = (
        (format_duration(setting.least), format_duration(setting.most))
        if setting.form == "seconds"
        else (setting.least, setting.most)
    )
    raise InvalidQuestion(field, f"has a '{setting.name}' that is not from {least} to {most}")


def _swept(setting: Setting, text: str) -> Iterable[str]:
    """The values that a sweep tries, as texts."""
    if ".." in text and setting.form in ("seconds", "number"):
        return map(str, _steps(setting, text))
    if "|" in text:
        return text.split("|")
    return [text] if setting.form == "schedule" else text.split(",")


def _steps(setting: Setting, text: str) -> Iterable[int]:
    """The values of a range: those that are a step apart, the last of them the end; without one, about a dozen."""
    span, slash, step_text = text.partition("/")
    first_text, _, last_text = span.partition("..")
    first, last = (
        _in_range("sweep", setting, _number("sweep", setting, each.strip())) for each in (first_text, last_text)
    )
    if last <= first:
        raise InvalidQuestion("sweep", "has a range that ends before it begins; give the smaller value first")
    if slash:
        step = _number("sweep", setting, step_text.strip())
        if step < 1:
            raise InvalidQuestion("sweep", "has a step that is not greater than 0")
        if (last - first) // step >= MOST_VALUES:
            raise InvalidQuestion("sweep", f"has more than {MOST_VALUES} steps; give a longer step")
        return sorted({*range(first, last + 1, step), last})
    unit = 60 if setting.form == "seconds" and first % 60 == last % 60 == 0 else 1
    steps = min(_STEPS, (last - first) // unit + 1)
    return sorted({first + round((last - first) / unit * n / (steps - 1)) * unit for n in range(steps)})


def _schedule(field: str, name: str, text: str) -> str:
    try:
        if name == "tz":
            return canonical_tz(text)
        parse_schedule(text, "UTC")
    except (BadSchedule, BadTimezone) as error:
        raise InvalidQuestion(field, f"has a '{name}' that {error}") from None
    return text


def _is_text(text: str) -> bool:
    """Whether it can be written; what a shell hands over that is no UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _cut(text: str) -> str:
    """A text of a client, short enough to be told."""
    return text if len(text) <= 60 else f"{text[:60]}..."
