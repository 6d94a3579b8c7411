"""The list of commands: its sections, and what it costs to load them."""

from __future__ import annotations

import subprocess
import sys

from yolo_tl.cli.main import COMMANDS, SECTIONS


def test_every_command_is_in_one_section() -> None:
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(COMMANDS)


def test_commands_import_nothing_heavy() -> None:
    """Neither the help of a command nor a completion pays for arrays, pictures or networks."""
    code = (
        "import sys\nfrom yolo_tl.cli.main import COMMANDS, main\n"
        "dear = {'qualify'}\n"  # it needs NumPy
        "for name in sorted(COMMANDS, key=dear.__contains__):\n"
        "    main.get_command(None, name)\n"
        "    heavy = {'cv2', 'torch', 'ultralytics', 'onnxruntime'} | (set() if name in dear else {'numpy'})\n"
        "    found = {m.split('.')[0] for m in sys.modules} & heavy\n"
        "    if found: print(name, *sorted(found)); break\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
