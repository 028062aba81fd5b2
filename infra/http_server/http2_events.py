"""What an HTTP/2 connection does about each event of h2, and what of its budget a frame without use takes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from h2 import events

from infra.http_server.http2_budget import CANCELLED, FRAME
from infra.http_server.http2_faults import StreamFault

if TYPE_CHECKING:
    from infra.http_server.http2_connection import Http2Connection

# A body in frames of a hundred bytes or more may be of any length; smaller ones cost something, empty ones all.
_SMALL = 100
# Settings that a client changes in a frame; more cost more.
_USUAL_SETTINGS = 8


class Heeder:
    """Of one connection."""

    def __init__(self, connection: "Http2Connection") -> None:
        self._connection = connection
        self._heeders: dict[type[events.Event], Callable[[Any], None]] = {
            events.RequestReceived: self._request,
            events.DataReceived: self._data,
            events.StreamEnded: self._whole,
            events.StreamReset: self._cancelled,
            events.WindowUpdated: self._window,
            events.RemoteSettingsChanged: self._settings,
            events.SettingsAcknowledged: self._acknowledged,
            events.ConnectionTerminated: self._good_bye,
            events.TrailersReceived: self._nothing,  # read and dropped
            StreamFault: self._faulty,
        }

    def heed(self, event: events.Event) -> None:
        """Do what the event asks for."""
        self._heeders.get(type(event), self._useless)(event)

    def _request(self, event: events.RequestReceived) -> None:
        self._connection.request(event.stream_id, event.headers, event.stream_ended is None)

    def _data(self, event: events.DataReceived) -> None:
        connection, data = self._connection, event.data or b""
        size = event.flow_controlled_length or 0
        if not data:
            connection.budget.spend(FRAME)
        elif len(data) < _SMALL:
            connection.budget.crumble()
        connection.budget.moved(len(data))
        stream = connection.streams.get(event.stream_id or 0)
        kept = 0
        if stream is not None and not stream.ended:
            stream.feed(data)
            kept = len(data)
        if size > kept:
            connection.h2.acknowledge_received_data(size - kept, event.stream_id)

    def _whole(self, event: events.StreamEnded) -> None:
        stream = self._connection.streams.get(event.stream_id or 0)
        if stream is not None:
            stream.finish()
            self._connection.budget.earn()

    def _cancelled(self, event: events.StreamReset) -> None:
        stream = self._connection.streams.get(event.stream_id or 0)
        if stream is not None:
            self._connection.forget(stream)
        self._connection.budget.spend(CANCELLED)

    def _faulty(self, event: StreamFault) -> None:
        self._connection.budget.spend(CANCELLED)
        self._connection.cut_off(event)

    def _window(self, event: events.WindowUpdated) -> None:
        connection = self._connection
        connection.budget.spend(FRAME)
        if not event.stream_id:
            connection.flush_all()
        elif (stream := connection.streams.get(event.stream_id)) is not None and stream.queue:
            connection.flush(stream)

    def _settings(self, event: events.RemoteSettingsChanged) -> None:
        connection = self._connection
        connection.budget.spend(FRAME + len(event.changed_settings) // _USUAL_SETTINGS)
        connection.h2.bound_tables()
        connection.flush_all()  # windows may have grown

    def _acknowledged(self, _event: events.SettingsAcknowledged) -> None:
        self._connection.h2.bound_tables()
        self._connection.budget.spend(FRAME)

    def _good_bye(self, _event: events.ConnectionTerminated) -> None:
        self._connection.client_leaves()

    def _useless(self, _event: events.Event) -> None:
        self._connection.budget.spend(FRAME)

    def _nothing(self, _event: events.Event) -> None:
        return
