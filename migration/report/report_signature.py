"""Ed25519 signatures of the list of a report's files, such as `openssl pkeyutl -verify -rawin` checks.

The private key comes as PEM, or as the path of a PEM file; it is never logged, stored or repeated in a message.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from migration.errors import SettingError
from migration.evidence_errors import SigningKeyError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_SETTING: Final = "MIGRATION_SIGNING_KEY"
_BEGIN: Final = "-----BEGIN"


def load_signing_key(value: str) -> Ed25519PrivateKey:
    """Return the key that a setting holds or names.

    Raises:
        SettingError: there is no such file, it is no private Ed25519 key, or it is protected by a password.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        # .env files keep a PEM on one line, with \n in it.
        pem = value.replace("\\n", "\n").encode() if _BEGIN in value else Path(value).read_bytes()
        key = load_pem_private_key(pem, None)
    except OSError as error:
        raise SettingError(
            f"The signing key cannot be read: {error.strerror}",
            setting=_SETTING,
            remedy="Name a PEM file with a private Ed25519 key, or give the PEM itself",
        ) from None
    except (ValueError, TypeError, _unsupported()):
        raise _no_key() from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key()
    return key


def sign(manifest: bytes, signing_key: str) -> bytes:
    """Return the signature of a list of files: 64 bytes.

    Raises:
        SettingError: as `load_signing_key`.
    """
    return load_signing_key(signing_key).sign(manifest)


def is_signed_by(manifest: bytes, signature: bytes, public_key: Path) -> bool:
    """Return whether the private half of a public key has made a signature.

    Raises:
        SigningKeyError: the file holds no public Ed25519 key.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(public_key.read_bytes())
    except OSError as error:
        raise SigningKeyError(
            f"The public key cannot be read: {error.strerror}", setting="--public-key", file=str(public_key)
        ) from None
    except (ValueError, _unsupported()):
        raise _no_public_key(public_key) from None
    if not isinstance(key, Ed25519PublicKey):
        raise _no_public_key(public_key)
    try:
        key.verify(signature, manifest)
    except InvalidSignature:
        return False
    return True


def _unsupported() -> type[Exception]:
    from cryptography.exceptions import UnsupportedAlgorithm

    return UnsupportedAlgorithm


def _no_key() -> SettingError:
    return SettingError(
        "The signing key is no private Ed25519 key without a password",
        setting=_SETTING,
        remedy="Make one with `openssl genpkey -algorithm ed25519 -out signing.pem`, and name that file",
    )


def _no_public_key(path: Path) -> SigningKeyError:
    return SigningKeyError(
        "The file holds no public Ed25519 key",
        setting="--public-key",
        file=str(path),
        remedy="Make it from the private key with `openssl pkey -in signing.pem -pubout -out signing.pub`",
    )
