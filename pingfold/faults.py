"""What a command says, in one line, when it cannot be carried out for a reason that people can mend."""

from pathlib import Path

from confluent_kafka import KafkaError, KafkaException
from pydantic import ValidationError

from infra.clickhouse.client import ClickHouseUnavailable
from infra.clickhouse.migrations import MigrationChanged
from infra.embedded.logins import NoLogin
from infra.http_server.listening import CannotListen
from infra.http_server.tls import CannotServeTls
from infra.log.admin import WrongPartitionCount
from infra.log.reading import NotRead
from infra.log.sink import NotStored
from infra.log.startup_wait import KafkaRefuses
from infra.secrets.secrets import SecretError
from infra.settings.errors import wrong_settings
from infra.settings.settings import Settings
from pingfold.addresses import what_to_do
from pingfold.errors import PingfoldError

# They say themselves what is to be done.
MENDABLE = (
    *(PingfoldError, NoLogin, CannotListen, CannotServeTls),
    *(WrongPartitionCount, SecretError, MigrationChanged, KafkaRefuses),
)


def lines_of(error: Exception) -> list[str]:
    """What to tell of a fault that ended a command; nothing: it is a defect, and a traceback is due."""
    if isinstance(error, ValidationError):
        return wrong_settings(error)
    line = line_of(error, Settings())
    return [] if line is None else [line]


def line_of(error: Exception, settings: Settings) -> str | None:
    """What to tell of a fault that ended a command; None: it is a defect, and a traceback is due."""
    match error:
        case KafkaException():
            cause = error.args[0] if error.args else error
            told = cause.str() if isinstance(cause, KafkaError) else cause
            do = what_to_do(settings)
            if isinstance(cause, KafkaError) and cause.code() == KafkaError._AUTHENTICATION:
                do = "PINGFOLD_KAFKA_... say how to log in (docs/operations.md)"
            return f"Kafka does not answer as it should ({told}): {do}"
        case NotStored() | NotRead() | TimeoutError():
            return f"Kafka does not answer ({str(error) or 'no answer in time'}): {what_to_do(settings)}"
        case ClickHouseUnavailable():
            return f"ClickHouse does not answer ({error}): start Pingfold, or set CLICKHOUSE_URL to where it is"
        case OSError(filename=str() as file) if Path(file).is_relative_to(settings.data):
            return f"{file}: {error.strerror}; PINGFOLD_DATA says where the data folder is"
    return str(error) if isinstance(error, MENDABLE) else None
