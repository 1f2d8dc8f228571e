"""Kafka's jars, fetched by Maven into the cache folder."""

import shutil
from pathlib import Path

from devservers.commands import CommandFailed, essence, run
from devservers.errors import Unavailable
from devservers.fetch import fetch, fetched

KAFKA_VERSION = "4.1.1"
DOWNLOAD_TIMEOUT_S = 900
COPY_DEPENDENCIES = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>devservers</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""


def kafka_jars() -> Path:
    """Return the folder of Kafka's jars, fetching them first if need be. Raises Unavailable."""
    name = f"kafka-{KAFKA_VERSION}"
    if done := fetched(name):
        return done / "libs"
    if shutil.which("mvn") is None:
        raise Unavailable(f"Kafka {KAFKA_VERSION} cannot be fetched because Maven (mvn) is not on PATH.")
    return fetch(name, _fill, what=f"Kafka {KAFKA_VERSION}") / "libs"


def _fill(folder: Path) -> None:
    pom = folder / "pom.xml"
    pom.write_text(POM)
    repository = folder / "repository"
    command: list[str | Path] = [
        "mvn",
        "-q",
        "-B",
        "-Dstyle.color=never",
        "--strict-checksums",
        "-f",
        pom,
        COPY_DEPENDENCIES,
    ]
    command += [f"-DoutputDirectory={folder / 'libs'}", "-DincludeScope=runtime"]
    # Maven's usual place is in the home of the user database, which some users do not have.
    command.append(f"-Dmaven.repo.local={repository}")
    try:
        run(command, timeout_s=DOWNLOAD_TIMEOUT_S)
    except CommandFailed as failure:
        raise Unavailable(f"Kafka {KAFKA_VERSION} cannot be fetched: {essence(failure.output)}.") from failure
    shutil.rmtree(repository)
