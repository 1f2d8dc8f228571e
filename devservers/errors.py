"""What can go wrong on the way to a running server."""


class Unavailable(Exception):
    """This server cannot be had here. `reason` is one sentence for a test report; notes carry the end of its log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Interrupted(Exception):
    """The whole run is being stopped, so waiting for a command or a server was given up."""
