"""Members of staff, their browsers, and a little of everything to look at."""

import secrets
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from paysettle.dashboard import operations
from paysettle.dashboard.models import VerifierRun
from paysettle.events.models import Event
from paysettle.identity.caller import Caller
from paysettle.identity.models import LookUp, Organisation, Party, User
from paysettle.identity.operations import invitations, sessions
from paysettle.identity.roles import Role, StaffRole
from paysettle.kernel import identifiers
from paysettle.kernel.idempotency import fingerprint
from paysettle.kernel.lane import lane
from paysettle.kernel.money import Money
from paysettle.ledger.models import Account, Transfer
from paysettle.payments.models import Payment, PaymentBatch, Refund, TreasuryMove
from paysettle.settlements.models import Settlement
from paysettle.settlements.operations.moves import SettlementRequest, move_settlement
from tests.codes import code_of, give_second_factor
from tests.companies import Company, company
from tests.http import InProcess
from tests.moves import authorise, capture, refund
from tests.people import PASSWORD, Person, deposit, pay, person


def newcomer(name: str, role: StaffRole = StaffRole.ADMINISTRATOR) -> Person:
    """Make a member of staff who has no second factor yet."""
    made = person(name)
    User.objects.filter(id=made.user.id).update(staff_role=role)
    made.user.refresh_from_db()
    return made


def member(name: str, role: StaffRole = StaffRole.ADMINISTRATOR) -> Person:
    """Make a member of staff, with a second factor that their session has shown."""
    made = newcomer(name, role)
    give_second_factor(made.user)
    sessions.renew(session_id=made.session.id, second_factor=True)
    return made


def browser_of(somebody: Person) -> Client:
    """Sign in by the sign-in pages and return the browser."""
    client = Client()
    answer = client.post(reverse("admin:login"), {"username": somebody.handle, "password": PASSWORD})
    assert answer.status_code == 302
    answer = client.post(reverse("admin:second_factor"), {"code": code_of(somebody.user)})
    assert answer.status_code == 302
    return client


@dataclass(frozen=True, slots=True)
class Sights:
    """Two people between whom everything has happened once, and the company of one of them."""

    ana: Person
    ben: Person
    firm: Company

    @property
    def records(self) -> list[Model]:
        """One record of every kind that staff may look at."""
        payment = Payment.objects.get(payer_id=self.ana.party_id, amount_minor=1_250)
        return [
            self.ana.user,
            Party.objects.get(id=self.ana.party_id),
            payment,
            Account.objects.get(owner_id=self.ana.party_id),
            Transfer.objects.get(subject_id=payment.id),
            TreasuryMove.objects.get(party_id=self.ana.party_id),
            Refund.objects.get(payment=payment),
            PaymentBatch.objects.get(party_id=self.ana.party_id),
            Settlement.objects.get(asker_id=self.ben.party_id),
            VerifierRun.objects.order_by("-id")[0],
            Organisation.objects.get(party_id=self.firm.party.id),
            self.firm.member(self.ana),
            Event.objects.get(stream=identifiers.show("pay", payment.id), stream_version=1),
            LookUp.objects.get(user_id=self.ana.user.id, kind="find"),
        ]


def sights() -> Sights:
    """Let everything happen once."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10_000)
    refund(ben, pay(ana, ben, 1_250).document()["id"], 50)
    capture(ben, authorise(ana, ben, 20).document()["id"], 5)
    item = {"key": "one", "payee": ben.handle, "amount": {"amount": 1, "currency": "EUR"}}
    assert InProcess(ana).post("/api/v1/payment-batches", {"items": [item]}).status == 200
    order = SettlementRequest(
        party_id=ben.party_id,
        key=secrets.token_hex(8),
        fingerprint=fingerprint("a request"),
        request_id=identifiers.show("req", identifiers.new()),
        by=ben.caller,
        debtor=ana.handle,
        money=Money(777, "EUR"),
        reason="the <b>taxi</b>",
    )
    assert lane.call(move_settlement, order).status == 201
    operations.verify_now(by=Caller(party_id=identifiers.SYSTEM, operator="tests"))
    assert InProcess(ana).post("/api/v1/payees/find", {"handle": ben.handle}).status == 200
    assert InProcess(ana).post("/api/v1/contacts", {"party": ben.handle, "name": "Benny of the canary"}).status == 201
    firm = company(ana)
    invitations.make(by=firm.acted_for_by(ana).caller, email=ben.email, role=Role.PAYER)
    return Sights(ana, ben, firm)


def registered() -> list[type[Model]]:
    """Return the models that staff may look at."""
    return sorted(admin.site._registry, key=lambda model: model._meta.label)


def list_url(model: type[Model]) -> str:
    """Return the address of a list."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def record_url(record: Model) -> str:
    """Return the address of a record."""
    return reverse(f"admin:{record._meta.app_label}_{record._meta.model_name}_change", args=[record.pk])


def text(response: Any) -> str:
    """Return the body of a response."""
    return str(response.content.decode())
