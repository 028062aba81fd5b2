"""The state machine of an HTTP/2 connection (the library h2) with our bounds, and what h2 itself cannot do."""

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from infra.http_server.bounds import Bounds

# Bytes that are fed to it at once, and sent in a frame.
SLICE = 16 * 2**10
# Of the table by which our heads are made small, whatever the client would take: it is kept for each connection.
_TABLE = 4_096


class Http2State(H2Connection):
    """As h2's, of a server; heads and their table are bounded."""

    # How long requests that have ended are remembered; frames that are late for them are told from wrong ones by that.
    MAX_CLOSED_STREAMS = 1_024

    def __init__(self, bounds: Bounds) -> None:
        super().__init__(
            H2Configuration(
                client_side=False,
                header_encoding=None,
                validate_outbound_headers=False,  # `Stream` does it
                normalize_outbound_headers=False,
            )
        )
        self._most_head = bounds.head + SLICE  # a head that is a little too large is answered 431
        self.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: bounds.streams,
                SettingCodes.MAX_HEADER_LIST_SIZE: bounds.head,
            },
        )
        self.bound_tables()

    def bound_tables(self) -> None:
        """To be called after settings were exchanged, which set both anew."""
        self.decoder.max_header_list_size = self._most_head
        if self.encoder.header_table_size > _TABLE:
            self.encoder.header_table_size = _TABLE

    def answer_on(self) -> None:
        """Let answers to earlier requests be sent although the client has said that it asks for nothing more."""
        self.state_machine.state = ConnectionState.SERVER_OPEN

    def farewell(self) -> bytes:
        """Tells the client to send no more requests; h2's own `close_connection` forbids to answer earlier ones."""
        return GoAwayFrame(0, last_stream_id=self.highest_inbound_stream_id, error_code=0).serialize()
