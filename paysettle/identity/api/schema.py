"""How the OpenAPI document describes access token and API key, and what an operation needs of a role."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from paysettle.identity.authentication import asks_for_large_amounts, needed_by, needs_step_up


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """A JWT or an API key in the Authorization header."""

    target_class = "paysettle.identity.authentication.BearerAuthentication"
    name = "bearerAuth"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:  # noqa: ARG002 - its signature
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT, or an API key (psk_…)"}


class PermissionSchema(AutoSchema):
    """Names the permission of an operation (`identity/roles.py`) as `x-permission`; `any` stands for every role.

    `x-step-up: true` marks what needs a session that has shown recently who is there, `x-step-up: large amounts` what
    does for large amounts alone.
    """

    def get_extensions(self) -> dict[str, Any]:
        if not self.view.authentication_classes:
            return super().get_extensions()
        said: dict[str, Any] = {"x-permission": needed_by(self.view, self.method) or "any"}
        if needs_step_up(self.view, self.method):
            said["x-step-up"] = True
        elif asks_for_large_amounts(self.view, self.method):
            said["x-step-up"] = "large amounts"
        return {**super().get_extensions(), **said}
