"""`python -m bench.plain --port PORT --processes N`: serve the plain view as it is usually served."""

import argparse

from granian import Granian
from granian.constants import Interfaces

THREADS = 8


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--processes", type=int, required=True)
    options = parser.parse_args()
    Granian(
        "bench.plain.wsgi:application",
        address="127.0.0.1",
        port=options.port,
        interface=Interfaces.WSGI,
        workers=options.processes,
        blocking_threads=THREADS,
        websockets=False,
    ).serve()


if __name__ == "__main__":
    main()
