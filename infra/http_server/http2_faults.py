"""Which wrong frames of HTTP/2 concern one request, and which the whole connection (RFC 9113 section 5.4).

The library h2 ends the connection for almost any of them. A request that is malformed, a window that grows by nothing
and a priority of the wrong length concern one stream only: it is cut off (RST_STREAM), and all others go on.
"""

from h2.errors import ErrorCodes
from h2.events import Event
from h2.exceptions import FrameTooLargeError, InvalidBodyLengthError, ProtocolError
from hpack.exceptions import HPACKError
from hyperframe.frame import DataFrame, Frame, HeadersFrame, PriorityFrame, WindowUpdateFrame

HEADER = 9  # bytes of a frame before what it carries
_LONGEST = 200


class StreamFault(Event):
    """A frame that is wrong for its stream. code: as which the stream is cut off."""

    def __init__(self, stream_id: int, code: ErrorCodes, words: str) -> None:
        self.stream_id, self.code, self.words = stream_id, code, words


def words_of(error: Exception) -> str:
    """What was wrong, for the client."""
    return str(error)[:_LONGEST]


def is_of_request(error: ProtocolError, frame: Frame) -> bool:
    """Whether a request is malformed (RFC 9113 section 8.1.1), provided that its stream is there."""
    if type(error) not in (ProtocolError, InvalidBodyLengthError) or isinstance(error.__cause__, HPACKError):
        return False
    return isinstance(frame, HeadersFrame | DataFrame)


def fault_of_unread(data: bytes, error: ProtocolError) -> StreamFault | None:
    """The fault of the frame that `data` begins with and that cannot be read, if it concerns one stream."""
    length, kind = int.from_bytes(data[:3]), data[3]
    stream_id = int.from_bytes(data[5:HEADER]) & 0x7FFFFFFF
    if not stream_id or isinstance(error, FrameTooLargeError):
        return None
    if kind == PriorityFrame.type:
        return StreamFault(stream_id, ErrorCodes.FRAME_SIZE_ERROR, words_of(error))
    if kind == WindowUpdateFrame.type and length == 4:
        return StreamFault(stream_id, ErrorCodes.PROTOCOL_ERROR, words_of(error))
    return None


def connection_code(error: ProtocolError) -> ErrorCodes:
    """As what a fault of the connection is told to the client."""
    if type(error) is ProtocolError and isinstance(error.__cause__, HPACKError):
        return ErrorCodes.COMPRESSION_ERROR  # whatever follows could not be read, either
    return ErrorCodes(error.error_code)
