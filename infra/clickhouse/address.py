"""Where ClickHouse is and how to log in there. No client library is imported, so that light commands may use it."""

import ssl
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

DEFAULT_DATABASE = "pingfold"

# TLS files, named as clickhouse-connect names them.
TLS_FILES = ("ca_cert", "client_cert", "client_cert_key")


@dataclass(frozen=True, slots=True)
class Address:
    """Where ClickHouse is: what stands in `https://user:password@host:port/database?ca_cert=FILE`.

    ca_cert: authorities to trust instead of the system's; client_cert, client_cert_key: who we are, where it is asked.
    """

    host: str
    port: int
    database: str = DEFAULT_DATABASE
    user: str = "default"
    password: str = field(default="", repr=False)
    secure: bool = False
    ca_cert: str | None = None
    client_cert: str | None = None
    client_cert_key: str | None = None

    @classmethod
    def parse(cls, url: str) -> "Address":
        """The address in a URL. Raises `ValueError` with what is wrong, never telling the password."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("CLICKHOUSE_URL must look like http://user:password@host:port/database")
        secure, files = parts.scheme == "https", dict(parse_qsl(parts.query, keep_blank_values=True))
        if files.keys() - TLS_FILES or (files and not secure):
            raise ValueError(f"CLICKHOUSE_URL may have only {', '.join(TLS_FILES)} behind the ?, and those with https")
        database = unquote(parts.path.strip("/")) or DEFAULT_DATABASE
        if not database.replace("_", "").isalnum() or not database.isascii():
            raise ValueError("the database named in CLICKHOUSE_URL may have letters, digits and _ only")
        return cls(
            host=parts.hostname,
            port=parts.port or (8443 if secure else 8123),
            database=database,
            user=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            secure=secure,
            ca_cert=files.get("ca_cert"),
            client_cert=files.get("client_cert"),
            client_cert_key=files.get("client_cert_key"),
        )

    def tls_context(self) -> ssl.SSLContext | None:
        """For clients of our own; None without TLS. Raises `OSError` when a file cannot be read."""
        if not self.secure:
            return None
        context = ssl.create_default_context(cafile=self.ca_cert)
        if self.client_cert:
            context.load_cert_chain(self.client_cert, self.client_cert_key)
        return context
