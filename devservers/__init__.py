"""Real servers for tests, the demo and benchmarks: MariaDB, MySQL, Kafka and Redis on free ports of 127.0.0.1.

Nothing is installed. Programs are unpacked into a cache folder, run from there on data in a temporary folder, and
stopped by whoever started them. They are wide open (root without a password): for a developer's own machine only.

    with MariaDB() as server:
        connect(server.url)

From a shell: `python -m devservers run mariadb mysql kafka -- pytest`.
"""
