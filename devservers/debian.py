"""Debian packages unpacked into a folder: no root, no change to the machine, its own package source and keys.

apt-get gets a state of its own in which nothing is installed, so a package comes with all it needs, the C library
included. That is how a server of a newer Debian runs on an older one.
"""

import platform
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from devservers.commands import CommandFailed, essence, run
from devservers.errors import Unavailable
from devservers.fetch import fetch, fetched
from devservers.package_sources import debian_source

DOWNLOAD_TIMEOUT_S = 900
UNPACK_TIMEOUT_S = 120

# Half of what comes along serves installing and administering. Licences are in share/doc, which stays.
TOOLS = "bin"
UNUSED = ("share/locale", "share/man", "share/perl*", "lib/*-linux-gnu/perl*", "lib/*-linux-gnu/gconv")


@dataclass(frozen=True)
class Recipe:
    """Where a program is found: `suite` of Debian, or one of `packages` in what another Debian-like system offers.

    A server is in `sbin`; `tools` keeps `bin` as well.
    """

    what: str
    suite: str
    packages: tuple[str, ...]
    tools: bool = False

    @property
    def name(self) -> str:
        """The cache folder's name."""
        return f"{self.packages[0]}-{self.suite}-{platform.machine()}"


def unpacked(recipe: Recipe) -> Path:
    """Return the folder that stands for `/` in the unpacked packages, fetching them first if need be.

    Raises Unavailable if this is no Debian-like system or its package source cannot be read.
    """
    if done := fetched(recipe.name):
        return done / "root"
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{recipe.what} cannot be fetched because {tool} is not on PATH.")
    return fetch(recipe.name, partial(_fill, recipe), what=recipe.what) / "root"


def _fill(recipe: Recipe, folder: Path) -> None:
    apt = folder / "apt"
    try:
        archives = _download(recipe, apt)
        for archive in archives:
            run(["dpkg", "-x", archive, folder / "root"], timeout_s=UNPACK_TIMEOUT_S)
    except CommandFailed as failure:
        raise Unavailable(f"{recipe.what} cannot be fetched: {essence(failure.output)}.") from failure
    shutil.rmtree(apt)
    for pattern in UNUSED if recipe.tools else (TOOLS, *UNUSED):
        for unused in (folder / "root" / "usr").glob(pattern):
            shutil.rmtree(unused, ignore_errors=True)


def _download(recipe: Recipe, apt: Path) -> list[Path]:
    """Return the package files of the recipe and of all it depends on."""
    (apt / "lists" / "partial").mkdir(parents=True)
    (apt / "archives" / "partial").mkdir(parents=True)
    (apt / "status").touch()
    source = debian_source()
    if source is not None:
        (apt / "debian.sources").write_text(source.stanza(suite=recipe.suite))
    configuration = apt / "apt.conf"
    configuration.write_text(_configuration(apt, own_source=source is not None))

    def apt_get(*arguments: str) -> None:
        command: list[str | Path] = ["apt-get", "-c", configuration, "-qq", *arguments]
        run(command, timeout_s=DOWNLOAD_TIMEOUT_S, env={"LC_ALL": "C"})

    apt_get("update")
    *others, last = recipe.packages[:1] if source is not None else recipe.packages
    for package in others:
        try:
            apt_get("install", "--download-only", package)
            break
        except CommandFailed:
            continue
    else:
        apt_get("install", "--download-only", last)
    return sorted((apt / "archives").glob("*.deb"))


def _configuration(apt: Path, *, own_source: bool) -> str:
    """Return an apt.conf read after the machine's own, whose proxies and credentials therefore still count."""
    lines = [
        # The machine's hooks and choices are about its own packages, which we never touch.
        "#clear APT::Update::Pre-Invoke;",
        "#clear APT::Update::Post-Invoke;",
        "#clear APT::Update::Post-Invoke-Success;",
        "#clear APT::Default-Release;",
        "#clear APT::Architectures;",
        "#clear DPkg;",
        f'Dir::State "{apt}";',
        f'Dir::State::lists "{apt}/lists";',
        f'Dir::State::status "{apt}/status";',
        f'Dir::Cache "{apt}";',
        f'Dir::Cache::archives "{apt}/archives";',
        'Dir::Cache::pkgcache "";',
        'Dir::Cache::srcpkgcache "";',
        f'Dir::Log "{apt}";',
        'Dir::Etc::preferences "/dev/null";',
        'Dir::Etc::preferencesparts "/dev/null";',
        # Only what is asked for: no descriptions, no software catalogue.
        'Acquire::Languages "none";',
        'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";',
        'Acquire::IndexTargets::deb::DEP-11-icons::DefaultEnabled "false";',
        'Acquire::IndexTargets::deb::DEP-11-icons-small::DefaultEnabled "false";',
        # An unreachable source is otherwise only a warning, and "no such package" the misleading error.
        'APT::Update::Error-Mode "any";',
        'APT::Get::Assume-Yes "true";',
        'APT::Install-Recommends "false";',
        # Running as root, apt would switch to a user who may not write here.
        'APT::Sandbox::User "root";',
        # Our lock stands for apt's, which would be the machine's.
        'Debug::NoLocking "true";',
        'Acquire::Retries "2";',
        'Acquire::http::Timeout "20";',
        'Acquire::https::Timeout "20";',
    ]
    if own_source:
        lines += [f'Dir::Etc::sourcelist "{apt}/debian.sources";', 'Dir::Etc::sourceparts "/dev/null";']
    return "\n".join(lines) + "\n"
