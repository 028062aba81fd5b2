"""Why a TLS handshake failed, in plain words, with OpenSSL's name of the reason behind them."""

import ssl

from ingest.prober.probes.outcome import because

_NO_TLS = "the server does not speak TLS on this port"
_NO_VERSION = "no version of TLS in common; the server would have to speak TLS 1.2 or newer"
_NO_CIPHER = "the server refuses: no cipher in common, or it asks for a certificate of the client"
_WEAK = "a key or a signature of the server is too weak"
_CLIENT = "the server asks for a certificate of the client"
_NAME = "the server does not know the name that it is asked for"
_CLOSED = "the server closed the connection"

_WORDS = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "UNKNOWN_PROTOCOL": _NO_TLS,
    "UNEXPECTED_MESSAGE": _NO_TLS,
    "BAD_RECORD_TYPE": _NO_TLS,
    "UNSUPPORTED_PROTOCOL": _NO_VERSION,
    "VERSION_TOO_LOW": _NO_VERSION,
    "TLSV1_ALERT_PROTOCOL_VERSION": _NO_VERSION,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _NO_CIPHER,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": _NO_CIPHER,
    "NO_SHARED_CIPHER": _NO_CIPHER,
    "WRONG_CIPHER_RETURNED": _NO_CIPHER,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _CLIENT,
    "SSLV3_ALERT_BAD_CERTIFICATE": _CLIENT,
    "TLSV1_UNRECOGNIZED_NAME": _NAME,
    "TLSV1_ALERT_INTERNAL_ERROR": "the server reports an error of its own, as many do that do not know the name",
    "DH_KEY_TOO_SMALL": _WEAK,
    "EE_KEY_TOO_SMALL": _WEAK,
    "CA_KEY_TOO_SMALL": _WEAK,
    "CA_MD_TOO_WEAK": _WEAK,
    "WRONG_SIGNATURE_TYPE": _WEAK,
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": "the server offers only the old way of renegotiation, which is not safe",
    "UNEXPECTED_EOF_WHILE_READING": _CLOSED,
}


def handshake_words(error: OSError) -> str:
    """`handshake failed: the server does not speak TLS on this port (WRONG_VERSION_NUMBER)`."""
    if not isinstance(error, ssl.SSLError):
        closed = isinstance(error, ConnectionResetError | ConnectionAbortedError | BrokenPipeError)
        return f"handshake failed: {_CLOSED if closed else because(error, 'tls').detail}"
    reason = error.reason or ""
    if not reason:
        return "handshake failed"
    words = _WORDS.get(reason)
    return f"handshake failed: {words} ({reason})" if words else f"handshake failed ({reason})"
