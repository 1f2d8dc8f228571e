"""MySQL 9.7 (long-term support). The binary log is on and synchronous, as its makers ship it."""

from pathlib import Path

from devservers.commands import run
from devservers.debian import Recipe
from devservers.sql import Program, SqlServer, loader, unpacked_options

PREPARE_TIMEOUT_S = 180


class MySQL(SqlServer):
    """A MySQL server. `TEST_MYSQL_URL` in the environment names another one to use instead."""

    title = "MySQL"
    address_variable = "TEST_MYSQL_URL"
    missing_variable = "TEST_MYSQL_MISSING"
    recipe = Recipe(
        "MySQL 9.7",
        suite="sid",
        packages=("mysql-server-core", "mysql-server-core-8.4", "mysql-server-core-8.0"),
    )
    binaries = ("mysqld",)

    @classmethod
    def is_kind(cls, version: str) -> bool:
        """Tell MySQL from the servers that speak its protocol and say who they are."""
        return not any(other in version.lower() for other in ("mariadb", "tidb"))

    def _unpacked_program(self, root: Path) -> Program:
        command = (*loader(root, "mysql/private"), str(root / "usr/sbin/mysqld"))
        share = root / "usr" / "share" / "mysql"
        return Program(command, unpacked_options(root, share), share)

    def _prepare(self, folder: Path) -> None:
        # Insecure means: root without a password.
        run([*self._base_command(folder), "--initialize-insecure"], timeout_s=PREPARE_TIMEOUT_S)

    def _command(self, folder: Path) -> list[str]:
        return [
            *super()._command(folder),
            "--secure-file-priv=NULL",
            "--mysqlx=OFF",
            "--tls-version=",
            # With a binary log, only this lets an ordinary user create triggers.
            "--log-bin-trust-function-creators=1",
        ]
