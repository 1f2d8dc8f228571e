"""Our own load generator, for machines where wrk cannot be had: raw sockets, one thread, the same log as wrk's script.

    python -m bench.load.sockets ADDRESS CONNECTIONS SECONDS TOKENS PAYEES LOG RUN RATE

It costs several times the processor time of wrk, which the server under test then lacks: the results name it.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

PATH = "/api/v1/payments"
LATE_S = 10


class Generator:
    """Makes requests and writes down what comes back."""

    def __init__(self, address: str, tokens: Path, payees: Path, log: TextIO, run: str, rate: float) -> None:
        url = urlsplit(address)
        self.host, self.port = url.hostname or "127.0.0.1", url.port or 80
        self._heads = [
            f"POST {PATH} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token}\r\nIdempotency-Key: "
            for token in tokens.read_text().split()
        ]
        self._payees = payees.read_text().split()
        self._log = log
        self._run = run
        self._slots = _slots(rate) if rate else None
        self._number = 0
        self._random = random.Random(run)  # noqa: S311 - no secret
        self.errors = 0

    async def connect(self, until_s: float) -> None:
        """Pay over one connection until the time is over."""
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
            while (due_s := await self._next()) < until_s:
                await self._pay(reader, writer, due_s)
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            self.errors += 1

    async def _next(self) -> float:
        """Return when the next payment is due, once it is."""
        now_s = time.monotonic()
        if self._slots is None:
            return now_s
        due_s = next(self._slots)
        if due_s > now_s:
            await asyncio.sleep(due_s - now_s)
        return due_s

    async def _pay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, due_s: float) -> None:
        self._number += 1
        key = f"{self._run}-{self._number}"
        payer, payee = self._random.randrange(len(self._heads)), self._random.randrange(len(self._payees))
        if payer == payee and len(self._payees) > 1:
            payee -= 1  # both lists are of the same people: nobody pays themself
        amount = self._random.randint(100, 99999)
        body = (
            f'{{"payee":"{self._payees[payee]}","amount":{{"amount":{amount},"currency":"EUR"}},"reference":"{key}"}}'
        )
        head = self._heads[payer]
        writer.write(f"{head}{key}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        said = await reader.readexactly(length)
        now_s = time.monotonic()
        status = answer[9:12].decode()
        if status == "201":
            made = json.loads(said)
            told = {
                "party": made["payer"]["id"],
                "key": key,
                "outcome": "ok",
                "payment": made["id"],
                "payee": made["payee"]["id"],
                "amount": made["amount"]["amount"],
                "currency": made["amount"]["currency"],
            }
            self._log.write(json.dumps({**told, "us": int((now_s - due_s) * 1e6), "at": round(now_s, 6)}) + "\n")
        else:
            self._log.write(f"! {status} {said[:300].decode()}\n")


def _slots(rate: float) -> Iterator[float]:
    first_s, number = time.monotonic(), 0
    while True:
        yield first_s + number / rate
        number += 1


async def _generate(generator: Generator, connections: int, seconds: float) -> None:
    until_s = time.monotonic() + seconds
    tasks = [asyncio.create_task(generator.connect(until_s)) for _ in range(connections)]
    _, late = await asyncio.wait(tasks, timeout=seconds + LATE_S)
    generator.errors += len(late)
    for task in late:
        task.cancel()


def main(arguments: list[str]) -> None:
    """Run it and print the number of errors as wrk's script does."""
    address, connections, seconds, tokens, payees, log, run, rate = arguments
    with Path(log).open("w", encoding="utf-8") as file:
        generator = Generator(address, Path(tokens), Path(payees), file, run, float(rate))
        asyncio.run(_generate(generator, int(connections), float(seconds)))
    sys.stdout.write(f"errors {generator.errors}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
