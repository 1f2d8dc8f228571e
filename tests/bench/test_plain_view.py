"""The plain view that the product is compared with starts, with its own settings."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.once


def test_it_loads() -> None:
    script = "import django; django.setup(); import bench.plain.urls"
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "bench.plain.settings"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
