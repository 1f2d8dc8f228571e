"""Every response has a policy that lets nothing in from outside; the site's own pages have the strictest."""

import pytest
from django.test import Client

from paysettle.web import security


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/", security.STRICT),
        ("/errors", security.STRICT),
        ("/healthz", security.STRICT),
        ("/nowhere", security.STRICT),
        ("/api/schema/", security.STRICT),
        ("/api/docs/", security.API_DOCS),
        ("/admin/", security.STAFF),
        ("/admin/login/", security.STAFF),
        ("/administrator", security.STRICT),
        ("/nowhere/admin/", security.STRICT),
    ],
)
def test_each_path_has_its_policy(path: str, policy: str) -> None:
    assert Client().get(path).headers["Content-Security-Policy"] == policy


def test_no_policy_lets_another_host_in() -> None:
    for policy in (security.STRICT, security.STAFF, security.API_DOCS):
        sources = {word for rule in policy.split(";") for word in rule.split()[1:]}
        assert sources <= {"'none'", "'self'", "'unsafe-inline'", "'unsafe-eval'", "data:"}
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in security.STRICT
    assert "script-src 'self' 'unsafe-eval';" in security.STAFF, "no inline scripts, even for staff"
