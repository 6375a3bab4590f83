"""``quietword demo --once``, the way ``make demo`` runs it: crawls, verdicts, alerts and digest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(600)
def test_the_demo_goes_the_whole_way_and_ends(tmp_path: Path) -> None:
    ours = {name for name in os.environ if name.startswith("QUIETWORD_")}
    done = subprocess.run(
        [sys.executable, "-m", "monitor.cli", "demo", "--once"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name not in ours}
        | {"PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    assert "Demo phpbb: OK" in done.stdout
    assert "Demo discourse: OK" in done.stdout
    assert " 0 alerts sent" not in done.stdout
    assert "The digest was served" in done.stdout
    assert not list(tmp_path.iterdir())  # a demo leaves nothing behind
