"""The databases of a run, of one's own: the servers of `devservers` with the memory that a server for money has."""

from pathlib import Path

from devservers.mariadb import MariaDB
from devservers.mysql import MySQL

POOL_MIB = 2048
LARGE_POOL_MIB = 8192


class BenchMariaDB(MariaDB):
    """MariaDB with a buffer pool that holds all data; the binary log is off, as its makers ship it.

    `pool_mib` may be changed before a `restart`.
    """

    address_variable = "BENCH_MARIADB_URL"  # never the server that tests run on

    def __init__(self, *, pool_mib: int = POOL_MIB) -> None:
        super().__init__()
        self.pool_mib = pool_mib

    def _command(self, folder: Path) -> list[str]:
        return [
            *super()._command(folder),
            f"--innodb-buffer-pool-size={self.pool_mib}M",
            "--innodb-log-file-size=1G",
            "--innodb-flush-method=O_DIRECT",
        ]


class BenchMySQL(MySQL):
    """MySQL with the same memory; the binary log is on and synchronous, as its makers ship it."""

    address_variable = "BENCH_MYSQL_URL"

    def _command(self, folder: Path) -> list[str]:
        return [
            *super()._command(folder),
            f"--innodb-buffer-pool-size={POOL_MIB}M",
            "--innodb-redo-log-capacity=1G",
            "--innodb-flush-method=O_DIRECT",
        ]
