"""Ed25519 signatures of a bundle: who made it, where the hashes only say that it is whole.

What is signed is the manifest file, byte by byte, and it has the hash of every other file. The signature is the plain
64 bytes of RFC 8032 and the keys are PEM files, so that OpenSSL can make and check them, too::

    openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in manifest.json -sigfile manifest.json.sig
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from yolo_tl.edge.manifest import FILE, SIGNATURE, Manifest
from yolo_tl.errors import BundleError, MissingExtra, UsageError, WriteError
from yolo_tl.files import write_bytes

PRIVATE = "private.pem"
PUBLIC = "public.pem"


def make_keys(folder: Path) -> tuple[Path, Path]:
    """Write a new pair of keys; the private one is readable by its owner only.

    Returns:
        The private and the public key file.

    Raises:
        UsageError: there are keys in `folder` already.
        MissingExtra: cryptography is not installed.
        WriteError: they could not be written.
    """
    serialization, ed25519 = _cryptography()
    private, public = folder / PRIVATE, folder / PUBLIC
    for path in (private, public):
        if path.exists():
            raise UsageError(f"{path}: there is a key already", hint="choose another folder; a lost key cannot be made")
    key = ed25519.Ed25519PrivateKey.generate()
    encoding = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    content = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
    except OSError as error:
        raise WriteError(f"{private}: could not be written: {error.strerror}", hint="choose another folder") from error
    write_bytes(public, key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo))
    return private, public


def sign(folder: Path, key: Path) -> None:
    """Sign a bundle folder, which is checked first; a signature that is there is replaced.

    Args:
        folder: the bundle.
        key: the private key, a PEM file that is not encrypted.

    Raises:
        BundleError: the folder is no whole bundle.
        UsageError: the key is missing, or not a private Ed25519 key.
        MissingExtra: cryptography is not installed.
    """
    serialization, ed25519 = _cryptography()
    private = _key(
        key,
        lambda content: serialization.load_pem_private_key(content, password=None),
        ed25519.Ed25519PrivateKey,
        "private",
    )
    Manifest.read(folder)
    write_bytes(folder / SIGNATURE, private.sign((folder / FILE).read_bytes()))


def require_signed(folder: Path, key: Path) -> None:
    """Fail unless the manifest was signed by the owner of a public key.

    Args:
        folder: the bundle.
        key: the public key, a PEM file.

    Raises:
        BundleError: the signature is missing, damaged, or by another key, or the manifest was changed.
        UsageError: the key is missing, or not a public Ed25519 key.
        MissingExtra: cryptography is not installed.
    """
    serialization, ed25519 = _cryptography()
    from cryptography.exceptions import InvalidSignature

    public = _key(key, serialization.load_pem_public_key, ed25519.Ed25519PublicKey, "public")
    try:
        public.verify((folder / SIGNATURE).read_bytes(), (folder / FILE).read_bytes())
    except OSError as error:
        name = SIGNATURE if error.filename and str(error.filename).endswith(SIGNATURE) else FILE
        raise BundleError(
            f"{folder}: expected a signature, but {name} cannot be read: {error.strerror}",
            hint="sign it where it was made: yolo-tl bundle sign",
        ) from error
    except InvalidSignature as error:
        raise BundleError(
            f"{folder}: the signature is not by the owner of {key}, or the manifest was changed after it",
            hint="do not use this bundle; ask its maker for it again",
        ) from error


def _cryptography() -> tuple[ModuleType, ModuleType]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise MissingExtra("cryptography", "sign") from error
    return serialization, ed25519


def _key(path: Path, load: Callable[[bytes], Any], kind: type, which: str) -> Any:
    hint = "make a pair with yolo-tl bundle keys"
    try:
        key = load(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: expected a {which} key: {error.strerror}", hint=hint) from error
    except Exception as error:  # ValueError, TypeError where it is encrypted, and classes of cryptography's own
        raise UsageError(f"{path}: expected a {which} Ed25519 key in an unencrypted PEM file", hint=hint) from error
    if not isinstance(key, kind):
        raise UsageError(f"{path}: expected a {which} Ed25519 key, found another kind", hint=hint)
    return key
