"""Descriptions of connection errors that are safe to show: the texts of libraries may contain addresses and paths."""

import os
import ssl


def describe_os_error(error: OSError, otherwise: str = "no connection") -> str:
    """The system's words for the kind of error, in lower case; `otherwise` for what is no error of the system."""
    if isinstance(error, ssl.SSLError):  # whose `errno` is none of the system's
        # OpenSSL's name of the kind, such as TLSV1_ALERT_INTERNAL_ERROR.
        reason = getattr(error, "reason", None)
        return f"tls failed ({reason.lower().replace('_', ' ')})" if reason else "tls failed"
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else otherwise
