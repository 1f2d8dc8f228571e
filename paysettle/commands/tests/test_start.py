"""What a process asks before it starts: a setting that makes no sense is one sentence."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from paysettle.commands import start

pytestmark = pytest.mark.once


@pytest.mark.parametrize("command", ["serve", "worker"])
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"no.such.option": "1"}, 'KAFKA_OPTIONS makes no sense: No such configuration property: "no.such.option"'),
        ({"security.protocol": "SAFE"}, 'KAFKA_OPTIONS makes no sense: Invalid value "SAFE"'),
        ({"security.protocol": "SSL", "ssl.ca.location": "/no/such/file"}, "ssl.ca.location failed"),
    ],
)
def test_options_that_kafka_does_not_know(command: str, options: dict[str, str], sentence: str, settings: Any) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:9"
    settings.KAFKA_OPTIONS = options
    with pytest.raises(CommandError, match=sentence):
        call_command(command)


def test_good_options_need_no_broker(settings: Any) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:9"
    settings.KAFKA_OPTIONS = {"security.protocol": "PLAINTEXT"}
    start.require_bus()
