"""How fast is it, measured against the limits of the same database on the same machine in the same run.

    make bench            about ten minutes, three interleaved repeats
    make bench-full       the same, and five million entries, and data larger than the buffer pool

Nothing here is a timed test: figures are ratios, and a load counts only if the books are right after it and every
payment that was acknowledged exists exactly once. `docs/performance.md` shows the last run, `bench/results/latest.json`
holds all of it.

| module | what it does |
| --- | --- |
| `machine` | what the run ran on, the cost of fsync included |
| `drivers` | mysqlclient and PyMySQL side by side, without touching the virtual environment |
| `databases` | MariaDB, MySQL and SQLite of one's own |
| `site` | one installation of the product: its environment, its servers, its checks |
| `inside` | what runs in a process with the product's settings: people, tokens, reset, comparison |
| `raw` | the limits: programs in plain SQL that write exactly the product's rows |
| `plain` | the usual way: a view of DRF and ORM with `select_for_update` |
| `load` | HTTP load: wrk, or our own sockets where wrk cannot be had |
| `rounds` | what is measured, in which order |
| `large` | the same with a large ledger |
| `figures`, `report` | ratios and targets; the table and the file |
"""
