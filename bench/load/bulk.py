"""Bulk load: requests with ten thousand payments each, some of them at once, each by another payer."""

import http.client
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from bench.site import Server, Site, Void
from paysettle.kernel import identifiers

PATH = "/api/v1/payment-batches"
TIMEOUT_S = 120
POLL_S = 0.1


def pay(site: Site, server: Server, *, requests: int, items: int, connections: int) -> tuple[float, int, Path]:
    """Return payments a second, how many were acknowledged, and what the client was told. Raises Void."""
    tokens = site.call("access_tokens")
    run = random.randrange(10**9)  # noqa: S311 - so that keys are fresh
    payers = [request % len(site.people) for request in range(requests)]
    bodies = [_body(site, payer, f"{run}-{n}", items) for n, payer in enumerate(payers)]

    def send(n: int) -> dict[str, Any]:
        return _send(server, tokens[payers[n]], f"bulk-{run}-{n}", bodies[n])

    with ThreadPoolExecutor(connections) as threads:
        began_s = time.perf_counter()
        answers = list(threads.map(send, range(requests)))
        took_s = time.perf_counter() - began_s
    log = site.folder / f"bulk-{run}.log"
    with log.open("w", encoding="utf-8") as file:
        for payer, answer in zip(payers, answers, strict=True):
            party = identifiers.show("par", UUID(site.people[payer].party))
            for item in answer["items"]:
                if item["status"] != http.client.CREATED:
                    raise Void(f"A payment of a batch was refused: {item}")
                told = {"party": party, "key": item["key"], "outcome": "ok", "payment": item["payment"]}
                file.write(json.dumps(told) + "\n")
    acknowledged = sum(len(answer["items"]) for answer in answers)
    if acknowledged != requests * items:
        raise Void(f"{acknowledged} payments of {requests * items} were acknowledged.")
    return round(acknowledged / took_s, 1), acknowledged, log


def _body(site: Site, payer: int, request: str, items: int) -> bytes:
    choose = random.Random(request)  # noqa: S311 - no secret
    count = len(site.people)
    return json.dumps(
        {
            "items": [
                {
                    "key": f"bulk-{request}-{n}",
                    "payee": site.people[(payer + choose.randrange(1, count)) % count].handle,
                    "amount": {"amount": choose.randint(100, 99999), "currency": "EUR"},
                    "reference": f"bulk-{request}-{n}",
                }
                for n in range(items)
            ]
        }
    ).encode()


def _send(server: Server, token: str, key: str, body: bytes) -> dict[str, Any]:
    """Send a batch and wait until it is done."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": key}
    status, answer = _ask(server, "POST", PATH, body, headers)
    while answer.get("state") == "processing":
        time.sleep(POLL_S)
        status, answer = _ask(server, "GET", f"{PATH}/{answer['id']}", None, headers)
    if status != http.client.OK:
        raise Void(f"A batch was answered with {status}: {str(answer)[:500]}")
    return answer


def _ask(
    server: Server, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    url = urlsplit(server.address)
    connection = http.client.HTTPConnection(url.hostname or "127.0.0.1", url.port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
