"""What a person says of themself: a name, and whether they may be found by their e-mail address."""

from paysettle.identity import personal, queries, standing
from paysettle.identity.caller import Caller
from paysettle.identity.models import Profile, User
from paysettle.identity.operations import recording
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.transactions import Transaction


def change(*, by: Caller, name: str | None = None, findable_by_email: bool | None = None) -> Profile:
    """Change what a person says of themself and return it; None leaves a part as it is. A name of "" is none.

    It is the person's own, whomever they act for. Raises PartyDisabled if the party that they are is.
    """

    def work(tx: Transaction) -> Profile:
        user = User.objects.select_for_update().get(id=by.person_id)
        standing.check(by.acting_for(user.own_party_id), None)
        profile = queries.profile(user.own_party_id)
        new_name = name is not None and name != personal.full_name(profile.party_id)
        new_findable = findable_by_email is not None and findable_by_email != profile.findable_by_email
        if not (new_name or new_findable):
            return profile
        Profile.objects.get_or_create(party_id=profile.party_id)
        if name is not None:
            personal.keep_full_name(profile, name)
        if findable_by_email is not None:
            profile.findable_by_email = findable_by_email
            Profile.objects.filter(party_id=profile.party_id).update(findable_by_email=findable_by_email)
        User.objects.filter(id=user.id).update(version=user.version + 1)
        recording.event(
            stream=identifiers.show("usr", user.id),
            version=user.version + 1,
            type_="person.profile_changed",
            actor=by.actor,
            party=identifiers.show("par", user.own_party_id),
            at=tx.read_clock(),
            data={"name_changed": new_name, "findable_by_email": profile.findable_by_email},
        )
        return profile

    return transactions.run(work)
