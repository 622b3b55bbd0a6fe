"""What the processes of a task see of the server's environment."""

from __future__ import annotations

from collections.abc import Mapping

ALLOWED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "PLAYWRIGHT_BROWSERS_PATH",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    # Set only while coverage is measured: by it, an explorer counts with the server that started it.
    "COVERAGE_PROCESS_CONFIG",
)
"""An allow-list, so that keys and tokens of the server never reach an app's tests."""


def child_environment(environment: Mapping[str, str], /, **more: str) -> dict[str, str]:
    """The allowed part of an environment, and what else the child is to have."""
    return {name: environment[name] for name in ALLOWED if name in environment} | more
