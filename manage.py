#!/usr/bin/env python
"""The command line of the project: `manage.py help` lists the verbs."""

import os
import sys


def main() -> None:
    """Run a command; a setting that makes no sense is one sentence and exit code 2, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        from django.core.management import execute_from_command_line
        from django.db import DatabaseError, IntegrityError, InterfaceError

        from config.env import SettingError
    except ImportError as error:
        sys.exit(f"{error}. The packages are missing here: run `make run` or `make demo`, which install them.")
    try:
        execute_from_command_line(sys.argv)
    except SettingError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except (InterfaceError, DatabaseError) as error:
        if "--traceback" in sys.argv or isinstance(error, IntegrityError):
            raise
        cure = "" if "migrate" in sys.argv[1:2] else " Is it there, and migrated (`manage.py migrate`)?"
        sys.stderr.write(f"The database cannot be used: {error}.{cure}\n")
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # before there is anything to end
        sys.exit(130)
