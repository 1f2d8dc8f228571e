"""Which of the machine's package sources is Debian's own, so that another suite can be read from the same place."""

import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devservers.errors import Unavailable

APT_FOLDER = Path("/etc/apt")
ONE_LINE = re.compile(r"\s*deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<components>[^#]*)")


@dataclass(frozen=True)
class Source:
    """One entry of the machine's list. `signed_by` is a key file, a key as apt writes it, or "" for apt's default."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""

    def stanza(self, *, suite: str) -> str:
        """Return this source with another suite, in the format of a `.sources` file."""
        lines = ["Types: deb", f"URIs: {self.uri}", f"Suites: {suite}", "Components: main"]
        if self.signed_by:
            lines.append(f"Signed-By: {self.signed_by}")
        return "\n".join(lines) + "\n"


def debian_source(apt_folder: Path = APT_FOLDER) -> Source | None:
    """Return Debian's source on a Debian machine, None on another system (whose sources are then used as they are).

    Raises Unavailable on a Debian machine without one.
    """
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        return None
    if system.get("ID") != "debian":
        return None
    source = choose(list(read_sources(apt_folder)), codename=system.get("VERSION_CODENAME", ""))
    if source is None:
        raise Unavailable(f"No package source of Debian is configured in {apt_folder}.")
    return source


def choose(sources: list[Source], *, codename: str) -> Source | None:
    """Return the entry that is most surely Debian's main archive, among other makers' which may look alike."""
    named = {codename, "stable", "testing", "unstable", "sid"}
    eligible = [
        source
        for source in sources
        if "main" in source.components and named.intersection(source.suites) and "security" not in source.uri
    ]
    by_trust = sorted(
        eligible,
        key=lambda source: (
            "debian-archive" not in source.signed_by,
            re.fullmatch(r"[\w+]+:/+[^/]+/debian/?", source.uri) is None,
        ),
    )
    return next(iter(by_trust), None)


def read_sources(apt_folder: Path) -> Iterator[Source]:
    """Yield every enabled source of binary packages, in both formats apt knows."""
    parts = apt_folder / "sources.list.d"
    for file in sorted(parts.glob("*.sources")):
        for stanza in re.split(r"\n[ \t]*\n", file.read_text()):
            yield from _from_stanza(stanza)
    for file in [apt_folder / "sources.list", *sorted(parts.glob("*.list"))]:
        if file.exists():
            for line in file.read_text().splitlines():
                yield from _from_line(line)


def _from_stanza(stanza: str) -> Iterator[Source]:
    fields: dict[str, str] = {}
    key = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in (" ", "\t"):
            # Kept as it stands: a whole key may be folded into Signed-By.
            fields[key] = f"{fields.get(key, '')}\n{line}"
        elif ":" in line:
            key, _, value = line.partition(":")
            key = key.strip().lower()
            fields[key] = value.strip()
    is_off = fields.get("enabled", "yes").lower() in ("no", "false")
    if is_off or "deb" not in fields.get("types", "").split():
        return
    for uri in fields.get("uris", "").split():
        yield Source(
            uri=uri,
            suites=tuple(fields.get("suites", "").split()),
            components=tuple(fields.get("components", "").split()),
            signed_by=fields.get("signed-by", ""),
        )


def _from_line(line: str) -> Iterator[Source]:
    match = ONE_LINE.match(line)
    if match is None:
        return
    options = dict(option.split("=", 1) for option in (match["options"] or "").split() if "=" in option)
    yield Source(
        uri=match["uri"],
        suites=(match["suite"],),
        components=tuple(match["components"].split()),
        signed_by=options.get("signed-by", ""),
    )
