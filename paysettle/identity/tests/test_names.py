"""How names are compared: a table of pairs, and what keeps it from saying too much."""

import pytest

from paysettle.identity import names
from paysettle.identity.names import Agreement, compare

pytestmark = pytest.mark.once

MATCH, CLOSE, NONE = Agreement.MATCH, Agreement.CLOSE_MATCH, Agreement.NO_MATCH

PEOPLE = [
    ("Ana Silva", "Ana Silva", MATCH),
    ("ana silva", "ANA SILVA", MATCH),
    ("Silva, Ana", "Ana Silva", MATCH),
    ("Jose Muller", "José Müller", MATCH),
    ("Mueller", "Müller", MATCH),
    ("Soeren Aakjaer", "Søren Åkjær", MATCH),
    ("Soren Akjaer", "Søren Åkjær", MATCH),
    ("Łukasz Żółć", "Lukasz Zolc", MATCH),
    ("STRASSE", "Straße", MATCH),
    ("Ａｎａ Ｓｉｌｖａ", "Ana Silva", MATCH),  # noqa: RUF001 - full width
    ("Jose\u0301 Silva", "José Silva", MATCH),
    ("Anne-Marie O'Neill", "Anne Marie ONeill", MATCH),
    ("Jan van der Berg", "Jan Vanderberg", MATCH),
    ("Maria de Sá", "Maria de Sa", MATCH),
    ("李 娜", "李娜", MATCH),
    ("Ana Silvs", "Ana Silva", CLOSE),
    ("Jonathan Smyth", "Jonathan Smith", CLOSE),
    ("A. Silva", "Ana Silva", CLOSE),
    ("Ana Silva", "Ana Maria Silva", CLOSE),
    ("Ana M. Silva", "Ana Maria Silva", CLOSE),
    ("Katherine Johnson", "Catherine Johnson", CLOSE),
    ("Hans-Peter von der Mühlen", "Dr. Hans-Peter von der Mühlen zu Weissenfels", CLOSE),
    ("Carmen Fernandez", "Carmen Fernandez de la Vega", CLOSE),
    ("Ana Silva", "Ana Costa", NONE),
    ("Ana", "Ana Silva", NONE),
    ("Silva", "Ana Silva", NONE),
    ("A S", "Ana Silva", NONE),
    ("Ben Costa", "Ana Silva", NONE),
    ("Maria", "Maria Sá", NONE),
    ("Li Na", "Li Ma", NONE),
    ("-", "Ana Silva", NONE),
    ("-", "-", NONE),
]
COMPANIES = [
    ("Padaria Central", "Padaria Central, Lda.", MATCH),
    ("Padaria Central LDA", "Padaria Central, Unipessoal Lda", MATCH),
    ("Acme Limited", "ACME Ltd.", MATCH),
    ("Müller & Söhne GmbH & Co. KG", "Mueller und Soehne", MATCH),
    ("Müller & Söhne", "Müller & Söhne GmbH & Co. KG", MATCH),
    ("Fabryka Lodzi", "Fabryka Łodzi Sp. z o.o.", MATCH),
    ("Banco Azul", "Banco Azul, S.A.", MATCH),
    ("Co", "Co Ltd", MATCH),
    ("Padaria Centrall", "Padaria Central, Lda.", CLOSE),
    ("Bakery 1", "Bakery 2 Ltd", NONE),
    ("Bakery 24", "Bakery 24 Ltd", MATCH),
    ("Padaria do Porto", "Padaria Central, Lda.", NONE),
    ("Lda", "Padaria Central, Lda.", NONE),
    ("GmbH", "Acme GmbH", NONE),
]


@pytest.mark.parametrize(("expected", "known", "said"), PEOPLE)
def test_people(expected: str, known: str, said: Agreement) -> None:
    assert compare(expected, known, is_organisation=False) == said


@pytest.mark.parametrize(("expected", "known", "said"), COMPANIES)
def test_companies(expected: str, known: str, said: Agreement) -> None:
    assert compare(expected, known, is_organisation=True) == said


@pytest.mark.parametrize(("expected", "known", "said"), PEOPLE)
def test_it_does_not_matter_which_side_has_which_name(expected: str, known: str, said: Agreement) -> None:
    assert compare(known, expected, is_organisation=False) == said


LISTS = [
    "Joao Maria Rui " + " ".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "Ana Maria Silva Costa Santos Ferreira",
]


@pytest.mark.parametrize("names_", LISTS)
def test_a_list_of_names_is_close_to_nobody(names_: str) -> None:
    assert compare(names_, "Ana Maria Silva", is_organisation=False) == NONE


@pytest.mark.parametrize("expected", ["Ana Silva", "Maria Costa", "Pedro Almeida"])
def test_whoever_names_themselves_by_a_list_is_close_to_nobody(expected: str) -> None:
    known = "Ana Joao Maria Jose Pedro Rui Silva Santos Costa Pereira " + " ".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert compare(expected, known, is_organisation=False) == NONE


def test_a_name_may_be_longer_than_the_one_that_is_known_and_far_shorter() -> None:
    long = "Ana Maria Rodrigues Silva"
    assert compare(long, "Ana Silva", is_organisation=False) == CLOSE
    assert compare("Ana Silva", f"{long} Costa Santos", is_organisation=False) == CLOSE
    assert compare("Carmen Fernandez", "María del Carmen Fernández de la Vega Sanz", is_organisation=False) == CLOSE


def test_control_without_a_bound_a_list_is_close_to_whoever_has_one_of_the_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The planted bug, which was one: so one look-up tried many names."""
    monkeypatch.setattr(names, "MORE_EXPECTED_WORDS_MAX", 100)
    assert compare(LISTS[0], "Ana Maria Silva", is_organisation=False) == CLOSE


def test_without_a_name_nothing_can_be_said() -> None:
    assert compare("Ana Silva", "", is_organisation=False) == Agreement.NOT_POSSIBLE


@pytest.mark.parametrize("threshold", [60.0, 100.0])
def test_control_the_table_notices_another_threshold(monkeypatch: pytest.MonkeyPatch, threshold: float) -> None:
    """The planted bug: too much, or too little, is called close."""
    monkeypatch.setattr(names, "CLOSE_SCORE_MIN", threshold)
    assert any(compare(one, other, is_organisation=False) != said for one, other, said in PEOPLE)
