"""Who may pay whom. Plain Python, in the order in which it is checked."""

from paysettle.kernel.errors import DomainError

NOTE_LENGTH_MAX = 140


class PayeeNotFound(DomainError):
    """Nobody has this handle or id."""

    code = "payee_not_found"
    status = 422
    title = "There is no such payee."


class PaymentToOneself(DomainError):
    """Payer and payee are the same party."""

    code = "payment_to_oneself"
    status = 422
    title = "A payment needs two parties."


class PayeeUnavailable(DomainError):
    """The payee exists and takes no payments at the moment."""

    code = "payee_unavailable"
    status = 422
    title = "The payee cannot be paid at the moment."
    stored = True
