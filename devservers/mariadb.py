"""MariaDB 11.8 (long-term support). No binary log; `innodb_snapshot_isolation` is on, as its makers ship it."""

from pathlib import Path

from devservers.commands import run
from devservers.debian import Recipe
from devservers.errors import Unavailable
from devservers.sql import Program, SqlServer, loader, unpacked_options

PREPARE_TIMEOUT_S = 120

# What mariadb-install-db runs, without its checks of the machine's host name. Lines of their own: the server reads
# them one by one.
PREAMBLE = """\
CREATE DATABASE IF NOT EXISTS mysql;
USE mysql;
SET @auth_root_socket=NULL;
SET @skip_auth_anonymous=1;
"""
SYSTEM_TABLES = (
    ("mariadb_system_tables.sql", "mysql_system_tables.sql"),
    ("mariadb_performance_tables.sql", "mysql_performance_tables.sql"),
    ("mariadb_system_tables_data.sql", "mysql_system_tables_data.sql"),
    ("fill_help_tables.sql",),
    ("mariadb_sys_schema.sql", "mysql_sys_schema.sql"),
)


class MariaDB(SqlServer):
    """A MariaDB server. `TEST_MARIADB_URL` in the environment names another one to use instead."""

    title = "MariaDB"
    address_variable = "TEST_MARIADB_URL"
    missing_variable = "TEST_MARIADB_MISSING"
    recipe = Recipe("MariaDB 11.8", suite="trixie", packages=("mariadb-server-core",))
    binaries = ("mariadbd", "mysqld")

    @classmethod
    def is_kind(cls, version: str) -> bool:
        """Tell MariaDB, which names itself in its version."""
        return "mariadb" in version.lower()

    def _unpacked_program(self, root: Path) -> Program:
        shares = [root / "usr" / "share" / name for name in ("mariadb", "mysql")]
        share = next((folder for folder in shares if (folder / "fill_help_tables.sql").exists()), shares[0])
        return Program((*loader(root), str(root / "usr/sbin/mariadbd")), unpacked_options(root, share), share)

    def _command(self, folder: Path) -> list[str]:
        return [*super()._command(folder), "--skip-ssl"]

    def _prepare(self, folder: Path) -> None:
        share = self._program.share
        if share is None:
            raise Unavailable(f"The system tables that belong to {self._program.command[0]} are not found.")
        (folder / "data").mkdir()
        script = folder / "system_tables.sql"
        with script.open("wb") as file:
            file.write(PREAMBLE.encode())
            for names in SYSTEM_TABLES:
                # Under their older names before MariaDB 11.
                file.writelines((share / name).read_bytes() for name in names if (share / name).exists())
        options = ["--bootstrap", "--log-warnings=0", "--max-allowed-packet=8M"]
        run([*self._base_command(folder), *options], stdin=script, timeout_s=PREPARE_TIMEOUT_S)
        script.unlink()
