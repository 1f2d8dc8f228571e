"""What we add to allauth's sign-up form."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from paysettle.identity.models import User
from paysettle.identity.passwords import check_new_password


class SignUpForm(forms.Form):
    """The base of allauth's sign-up form."""

    account_already_exists: bool

    def clean(self) -> dict[str, Any]:
        """Let a sign-up with an address that somebody has go on like any other.

        allauth would make no user and answer alike; but then the handle stays free, and asking for it a second time
        tells whether the address is known. The new person is never sent the code (`AccountAdapter`).
        """
        self.account_already_exists = False
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "password" in cleaned:  # allauth asks without the person, who may have chosen their own name
            person = User(username=cleaned.get("username", ""), email=cleaned.get("email", ""))
            try:
                check_new_password(cleaned["password"], person)
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned

    def signup(self, request: HttpRequest, user: User) -> None:
        """Add nothing: allauth requires the method."""
