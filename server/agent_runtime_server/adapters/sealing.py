"""Sealing secrets with a key that lies in a file of its own."""

from __future__ import annotations

import hmac
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

_NONCE_BYTES = 12
_KEY_BYTES = 32


class FileKeySecrets:
    """The ``Secrets`` port: AES-256-GCM (NIST SP 800-38D) with the task's id as associated data.

    The key is made at first use, readable by its owner only. Sealed bytes are the nonce, then the ciphertext.
    """

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._key: bytes | None = None

    def seal(self, values: Mapping[str, str], task_id: str) -> bytes:
        """Sealed values; empty for no values. Raises OSError or ValueError if the key file cannot be used."""
        if not values:
            return b""
        # Imported when there is a secret, for it is slow to load.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._own_key()).encrypt(nonce, json.dumps(dict(values)).encode(), task_id.encode())

    def digest(self, data: bytes) -> bytes:
        """HMAC-SHA256 (RFC 2104) of the data. Raises OSError or ValueError if the key file cannot be used."""
        return hmac.digest(self._own_key(), b"digest\0" + data, "sha256")

    def unseal(self, sealed: bytes, task_id: str) -> Mapping[str, str]:
        """The values. Raises ValueError if they are not for this task, were changed, or the key is another or gone."""
        if not sealed:
            return {}
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            plain = AESGCM(self._read_key()).decrypt(nonce, ciphertext, task_id.encode())
        except FileNotFoundError as gone:
            raise ValueError(f"the key of the sealed secrets, {self._key_file}, is gone") from gone
        except InvalidTag as bad:
            raise ValueError("sealed secrets do not belong to this task, this key, or were changed") from bad
        values: dict[str, str] = json.loads(plain)
        return values

    def _own_key(self) -> bytes:
        """The key, made when there is none."""
        if self._key is None and not self._key_file.exists():
            self._make_key()
        return self._read_key()

    def _read_key(self) -> bytes:
        if self._key is None:
            with self._key_file.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise PermissionError(f"{self._key_file} may be read by others: chmod 600 it")
                key = file.read(_KEY_BYTES + 1)
            if len(key) != _KEY_BYTES:
                raise ValueError(f"{self._key_file} is no key of {_KEY_BYTES} bytes")
            self._key = key
        return self._key

    def _make_key(self) -> None:
        with tempfile.NamedTemporaryFile(dir=self._key_file.parent, prefix="key-") as fresh:
            fresh.write(os.urandom(_KEY_BYTES))
            fresh.flush()
            os.fsync(fresh.fileno())
            try:
                # A link never replaces a key that another writer has made meanwhile.
                os.link(fresh.name, self._key_file)
            except FileExistsError:
                return
        folder = os.open(self._key_file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
