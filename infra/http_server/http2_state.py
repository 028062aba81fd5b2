"""The state machine of an HTTP/2 connection (the library h2) with our bounds, and what h2 itself cannot do."""

import contextlib
from typing import NamedTuple

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import Event
from h2.exceptions import H2Error, ProtocolError
from h2.settings import SettingCodes, Settings
from h2.stream import StreamClosedBy, StreamState
from hyperframe.exceptions import InvalidPaddingError
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, PriorityFrame, RstStreamFrame

from infra.http_server.bounds import Bounds
from infra.http_server.http2_faults import HEADER, StreamFault, fault_of_unread, is_of_request, words_of

# Bytes that are fed to it at once, and sent in a frame.
SLICE = 16 * 2**10
# That are read before they are heeded.
_EVENTS = 64
# Of the table by which our heads are made small, whatever the client would take: it is kept for each connection.
_TABLE = 4_096


class Received(NamedTuple):
    """What bytes of the client mean. fault: what ends the connection, behind all `events`. more: others may follow."""

    events: list[Event]
    fault: ProtocolError | None = None
    more: bool = False


class Http2State(H2Connection):
    """As h2's, of a server; heads and their table are bounded. `receive` takes the place of `receive_data`."""

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

    def receive(self, data: memoryview) -> Received:
        """Take bytes of the client. Wrong frames of one stream are events (`StreamFault`).

        When there may be `more`, it is to be called again, without bytes, when these events are heeded: of a thousand
        requests in a piece most are refused by then, and for each one the library looks at all that are open.
        """
        events: list[Event] = []
        try:
            self.incoming_buffer.add_data(data)
            self.incoming_buffer.max_frame_size = self.max_inbound_frame_size
            while len(events) < _EVENTS and (frame := self._next_frame()) is not None:
                events += [frame] if isinstance(frame, StreamFault) else self._receive_frame(frame)
        except InvalidPaddingError as error:
            return Received(events, ProtocolError(f"the padding of a frame is invalid: {error}"))
        except ProtocolError as error:
            return Received(events, error)
        return Received(events, more=len(events) >= _EVENTS)

    def _next_frame(self) -> Frame | StreamFault | None:
        buffer = self.incoming_buffer
        try:
            frame = next(buffer, None)
            if frame is None and len(buffer._data) >= HEADER:
                buffer._validate_frame_length(int.from_bytes(buffer._data[:3]))  # h2 would wait for all of it
            return frame
        except ProtocolError as error:
            # What cannot be read is left where it was. Within a head nothing else may come.
            data = bytes(buffer._data[:HEADER])
            fault = None if len(data) < HEADER or buffer._headers_buffer else fault_of_unread(data, error)
            if fault is None or fault.stream_id > self.highest_inbound_stream_id:
                raise
            del buffer._data[: HEADER + int.from_bytes(data[:3])]
            return fault

    def _receive_frame(self, frame: Frame) -> list[Event]:
        if isinstance(frame, PriorityFrame | HeadersFrame) and frame.depends_on == frame.stream_id:
            frame.depends_on = 0  # nobody here heeds priorities, which RFC 9113 has given up
        try:
            events = super()._receive_frame(frame)
            if isinstance(frame, GoAwayFrame):  # answers to earlier requests are sent all the same
                self.state_machine.state = ConnectionState.SERVER_OPEN
            return events
        except ProtocolError as error:
            if not is_of_request(error, frame) or frame.stream_id not in self.streams:
                raise
            if isinstance(frame, DataFrame) and frame.flow_controlled_length:
                with contextlib.suppress(H2Error):  # of the stream
                    self.acknowledge_received_data(frame.flow_controlled_length, frame.stream_id)
            return [StreamFault(frame.stream_id, ErrorCodes.PROTOCOL_ERROR, words_of(error))]

    @property
    def open_inbound_streams(self) -> int:
        """None, as far as h2 is concerned, which would end a connection whose client did not know our bound yet.

        Whoever calls the applications refuses what is too much.
        """
        self._open_streams(1)  # forgets those that are closed
        return 0

    def cut_off(self, id: int, code: ErrorCodes) -> None:
        """Reset a stream, whatever has become of it."""
        stream = self.streams.get(id)
        if stream is not None and stream.closed_by is None:
            stream.state_machine.state = StreamState.CLOSED
            stream.state_machine.stream_closed_by = StreamClosedBy.SEND_RST_STREAM
            self._prepare_for_sending([RstStreamFrame(id, error_code=code)])

    def farewell(self, code: ErrorCodes = ErrorCodes.NO_ERROR, words: bytes = b"") -> bytes:
        """Tells the client to send no more requests; h2's own `close_connection` forbids to answer earlier ones."""
        last = self.highest_inbound_stream_id
        return GoAwayFrame(0, last_stream_id=last, error_code=code, additional_data=words).serialize()
