"""The events of people, parties, members, sessions and of what staff did to them. Reasons of staff are in no event."""

from paysettle.events.catalogue import FLAG, MONEY, TEXT, describe, identifier, list_of, one_of
from paysettle.identity.models import PartyKind, SessionEnd
from paysettle.identity.operations.staff import NO_ROLE
from paysettle.identity.roles import Role, StaffRole

_USER = {"user": identifier("usr")}

describe(
    "paysettle.person.registered.v1",
    "Somebody signed up; `party` is who they pay as once their address is confirmed.",
    {"party": identifier("par")},
)
describe("paysettle.person.address_verified.v1", "A person showed that an e-mail address is theirs.", {})
describe("paysettle.person.lapsed.v1", "Nobody confirmed the address of a sign-up in time: it was removed.", {})
describe("paysettle.person.password_changed.v1", "A person chose a new password; their other sessions ended.", {})
describe(
    "paysettle.person.address_changed.v1",
    "A person has another e-mail address, confirmed on the old one and on the new one.",
    {},
)
describe("paysettle.person.second_factor_added.v1", "A person signs in with a second factor from now on.", {})
describe(
    "paysettle.person.second_factor_removed.v1",
    "A person, or the operator for one who lost it, removed their second factor and the recovery codes.",
    {},
)
describe("paysettle.person.recovery_codes_made.v1", "A person replaced their recovery codes.", {})
describe("paysettle.person.recovery_code_used.v1", "A recovery code took the place of the second factor, once.", {})
describe(
    "paysettle.person.profile_changed.v1",
    "A person changed their name, or whether they may be found by e-mail.",
    {"name_changed": FLAG, "findable_by_email": FLAG},
)
describe("paysettle.person.disabled.v1", "Staff keep a person out; all their sessions ended.", {})
describe("paysettle.person.enabled.v1", "Staff let a person sign in again.", {})
describe(
    "paysettle.person.staff_role_changed.v1",
    "A person became staff, has another staff role, or is staff no more.",
    {"role": one_of(NO_ROLE, *StaffRole), "role_before": one_of(NO_ROLE, *StaffRole)},
)
describe("paysettle.party.opened.v1", "A party can pay and be paid from now on.", {"kind": one_of(*PartyKind.values)})
describe("paysettle.party.disabled.v1", "Staff keep a party from paying and being paid.", {})
describe("paysettle.party.enabled.v1", "Staff let a party pay and be paid again.", {})
describe(
    "paysettle.party.closed.v1",
    "A party was closed for good; `told` are the people who acted for it, each by the party that they are.",
    {"kind": one_of(*PartyKind.values), "told": list_of(party=identifier("par"))},
)
describe("paysettle.person.left.v1", "A person closed their account and signs in no more.", {})
describe(
    "paysettle.organisation.created.v1",
    "A person made an organisation, which can pay and be paid, and is its owner.",
    {"owner": identifier("usr")},
)

describe(
    "paysettle.organisation.registration_changed.v1",
    "An owner changed what the register says of an organisation; no event holds it.",
    {},
)

_MEMBER = {"organisation": identifier("par"), **_USER, "role": one_of(*Role)}

describe("paysettle.membership.added.v1", "A person may act for an organisation, in this role.", _MEMBER)
describe(
    "paysettle.membership.role_changed.v1",
    "A member has another role, from the next call on.",
    {**_MEMBER, "role_before": one_of(*Role)},
)
describe(
    "paysettle.membership.removed.v1",
    "A person left an organisation (then they are the actor) or was removed, and acts for it no more.",
    _MEMBER,
)

_INVITATION = {"invitation": identifier("inv"), "organisation": identifier("par"), "role": one_of(*Role)}

describe("paysettle.invitation.made.v1", "Somebody was invited by e-mail to act for an organisation.", _INVITATION)
describe("paysettle.invitation.accepted.v1", "The person who was invited became a member.", _INVITATION)
describe(
    "paysettle.invitation.revoked.v1",
    "An invitation was taken back, replaced by a newer one, or fell with its maker's right to make it.",
    _INVITATION,
)

describe(
    "paysettle.member_limit.set.v1",
    "What a member may send alone in this currency changed; what is not named has no limit.",
    {"organisation": identifier("par"), **_USER, "currency": TEXT, "per_payment": MONEY, "per_day": MONEY},
    optional=("per_payment", "per_day"),
)
describe(
    "paysettle.approval_policy.set.v1",
    "An organisation changed how many must approve which payments, and where its day begins.",
    {
        "organisation": identifier("par"),
        "time_zone": TEXT,
        "rules": list_of(**{"from": MONEY, "approvers": {"type": "integer", "minimum": 1}}),
    },
)

_API_KEY = {"api_key": identifier("key"), "owner": identifier("par"), "made_by": identifier("usr")}

describe(
    "paysettle.api_key.made.v1",
    "A machine may act for `owner` with this API key; with `replaces` in place of that one, after an overlap.",
    {**_API_KEY, "replaces": identifier("key")},
    optional=("replaces",),
)
describe(
    "paysettle.api_key.replaced.v1",
    "Another API key takes the place of this one, which ends with the overlap.",
    {**_API_KEY, "replaced_by": identifier("key")},
)
describe(
    "paysettle.api_key.revoked.v1",
    "An API key ended before its time: it was revoked, or its maker left or was disabled.",
    _API_KEY,
)

_CONTACT = {"contact": identifier("con"), "owner": identifier("par"), "contact_party": identifier("par")}

describe("paysettle.contact.kept.v1", "A party put another one on its list of contacts.", _CONTACT)
describe("paysettle.contact.renamed.v1", "A party gave a contact another name, which no event holds.", _CONTACT)
describe("paysettle.contact.blocked.v1", "A party keeps a contact from finding it and asking it for money.", _CONTACT)
describe("paysettle.contact.unblocked.v1", "A party lets a contact find it and ask it for money again.", _CONTACT)
describe("paysettle.contact.removed.v1", "A party took another one off its list of contacts.", _CONTACT)

describe("paysettle.session.begun.v1", "A person signed in.", _USER)
describe(
    "paysettle.session.ended.v1",
    "A session ended before its time, for the reason given.",
    {**_USER, "reason": one_of(*SessionEnd.values)},
)
