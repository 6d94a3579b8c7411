"""Bundles as things: compared, packed, signed, and tested where they are to run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from yolo_tl.files import PathLike

if TYPE_CHECKING:
    from yolo_tl.edge.network import Engine
    from yolo_tl.edge.selftest import SelfTest
    from yolo_tl.exporting.bundle_differences import BundleDifferences


def bundle_diff(a: PathLike, b: PathLike) -> BundleDifferences:
    """What is different between two bundles, each a folder or a ``.zip`` file.

    Raises:
        BundleError: one of them is damaged or no bundle.
    """
    from yolo_tl.exporting.bundle_differences import compare_bundles

    return compare_bundles(Path(a), Path(b))


def selftest(
    bundle: PathLike,
    *,
    public_key: PathLike | None = None,
    threads: int | None = None,
    engine: Engine = "auto",
    repeat: int = 20,
) -> SelfTest:
    """Test a bundle on this device: maker, files, model, golden set, latency. Needs neither torch nor Ultralytics.

    Args:
        bundle: a folder or a ``.zip`` file.
        public_key: the bundle must be signed by its owner.
        threads: CPU threads of the engine; None leaves it to the engine.
        engine: what runs it; ``openvino`` also runs ONNX files.
        repeat: timed runs of each golden image; 0 times nothing.
    """
    from yolo_tl.edge.network import RunOptions
    from yolo_tl.edge.selftest import selftest as test

    key = None if public_key is None else Path(public_key)
    return test(Path(bundle), public_key=key, options=RunOptions(threads=threads, engine=engine), repeat=repeat)


def pack_bundle(bundle: PathLike, out: PathLike, *, compress: bool = False) -> Path:
    """Write a bundle folder as one ``.zip`` file, which runs as it is; the same bundle makes the same bytes.

    Raises:
        BundleError: the folder is no whole bundle.
        UsageError: `out` is not named ``.zip``, or lies in the bundle.
    """
    from yolo_tl.edge.archive import SUFFIX, pack
    from yolo_tl.errors import UsageError

    folder, target = Path(bundle), Path(out)
    if target.suffix.lower() != SUFFIX:
        raise UsageError(f"{target}: expected a name that ends in {SUFFIX}", hint="that is what a bundle is known by")
    if folder.resolve() in target.resolve().parents:
        raise UsageError(f"{target}: lies in the bundle that is packed", hint="choose another place")
    pack(folder, target, compress=compress)
    return target


def sign_bundle(bundle: PathLike, key: PathLike) -> None:
    """Sign a bundle, a folder or a ``.zip`` file, with a private Ed25519 key.

    Raises:
        BundleError: it is no whole bundle.
        UsageError: the key is missing, or not such a key.
        MissingExtra: cryptography is not installed.
    """
    from yolo_tl.edge.archive import is_archive, opened, pack
    from yolo_tl.edge.signature import sign

    path = Path(bundle)
    with opened(path) as folder:
        sign(folder, Path(key))
        if is_archive(path):
            pack(folder, path)


def make_keys(out: PathLike) -> tuple[Path, Path]:
    """Write a new private and public Ed25519 key into a folder.

    Raises:
        UsageError: there are keys already.
        MissingExtra: cryptography is not installed.
    """
    from yolo_tl.edge.signature import make_keys as make

    return make(Path(out))
