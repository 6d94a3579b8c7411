"""``yolo-tl bundle``: compare, pack and sign bundles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from yolo_tl.api import bundles
from yolo_tl.cli.command import Group
from yolo_tl.cli.options import emit_json, json_option, table
from yolo_tl.cli.terminal import next_step, show

if TYPE_CHECKING:
    from yolo_tl.exporting.bundle_differences import BundleDifferences

_WIDE = 32  # characters of a value


def render(found: BundleDifferences) -> str:
    """A table of what is different, in the order in which it changes what a line sees."""
    if found.same:
        return "the same"
    rows = [
        (f"{change.section}.{change.key}".rstrip("."), _shown(change.a), _shown(change.b)) for change in found.changes
    ]
    return f"A {found.a}\nB {found.b}\n\n" + table(rows, ("what", "A", "B"))


def _shown(value: Any) -> str:
    text = "-" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _WIDE else text[: _WIDE - 3] + "..."


@click.group(
    "bundle",
    cls=Group,
    examples=[
        ("yolo-tl bundle pack runs/parts/bundle parts.zip", "one file"),
        ("yolo-tl bundle diff runs/a/bundle runs/b/bundle", "what is different"),
    ],
)
def command() -> None:
    """Compare, pack and sign bundles."""


@command.command(
    "diff",
    examples=[
        ("yolo-tl bundle diff runs/a/bundle runs/b/bundle", "thresholds first, then files"),
    ],
)
@click.argument("a", type=click.Path())
@click.argument("b", type=click.Path())
@json_option
@click.pass_context
def diff(context: click.Context, a: str, b: str, as_json: bool) -> None:
    """Compare the bundles A and B, each a folder or a .zip file.

    The exit code is that of diff: 0 if they are the same, 1 if they differ.
    """
    found = bundles.bundle_diff(a, b)
    emit_json(found.to_json()) if as_json else show(render(found))
    context.exit(0 if found.same else 1)


@command.command(
    "pack",
    examples=[
        ("yolo-tl bundle pack runs/parts/bundle parts.zip", "one file, which runs as it is"),
    ],
)
@click.argument("bundle", type=click.Path())
@click.argument("out", type=click.Path())
@click.option("--compress", is_flag=True, help="Deflate; saves little, and the bytes then depend on the zlib here.")
@json_option
def pack(bundle: str, out: str, compress: bool, as_json: bool) -> None:
    """Write the folder BUNDLE as the file OUT (.zip), which runs as it is; the same bundle makes the same bytes."""
    path = str(bundles.pack_bundle(bundle, out, compress=compress))
    emit_json({"bundle": path}) if as_json else show(path)
    next_step("selftest", path)


@command.command(
    "sign",
    examples=[
        ("yolo-tl bundle sign runs/parts/bundle --key keys/private.pem", "before it leaves"),
    ],
)
@click.argument("bundle", type=click.Path())
@click.option("--key", required=True, type=click.Path(), help="Private Ed25519 key, an unencrypted PEM file.")
@json_option
def sign(bundle: str, key: str, as_json: bool) -> None:
    """Sign BUNDLE, a folder or a .zip file; `selftest --public-key` then proves who made it."""
    bundles.sign_bundle(bundle, key)
    emit_json({"signed": bundle}) if as_json else show(f"{bundle} is signed")
    next_step("selftest", bundle)


@command.command(
    "keys",
    examples=[
        ("yolo-tl bundle keys keys", "once, for all bundles"),
    ],
)
@click.argument("out", type=click.Path())
@json_option
def keys(out: str, as_json: bool) -> None:
    """Make a pair of keys in the folder OUT: private.pem, to keep, and public.pem, for the devices."""
    private, public = bundles.make_keys(out)
    if as_json:
        emit_json({"private": str(private), "public": str(public)})
        return
    show(f"{private}  keep it secret: it signs\n{public}  give it to devices: it verifies")
