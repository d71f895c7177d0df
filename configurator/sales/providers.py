"""Who takes deposits for us, and what they tell: a bank by hand, a payment provider by signed calls."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import orjson
from flask_babel import lazy_gettext as _l

from configurator.errors import DomainError

if TYPE_CHECKING:
    from configurator.config import Settings


class BadSignature(DomainError):
    """What claims to come from a payment provider does not."""

    code, status, words = "bad_signature", 422, _l("This does not come from the payment provider.")


class Outcome(StrEnum):
    """What a provider says of an attempt to pay."""

    PAID = "paid"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a provider tells us: `event` is its own id of this, the same when it tells it again."""

    event: str
    reference: str
    outcome: Outcome
    amount_minor: int


class Provider(Protocol):
    """Somebody who takes money for us."""

    @property
    def code(self) -> str:
        """A short name, as rows keep it."""
        ...

    def patience(self, days: int) -> timedelta:
        """How long an order waits for its deposit where the terms of payment give the buyer so many days."""
        ...

    def can_take(self) -> bool:
        """Whether it is set up, so that a deposit can be paid to it."""
        ...

    def pays_online(self) -> bool:
        """Whether the buyer is sent to a page of the provider; otherwise `payee` says where the money goes."""
        ...

    def payee(self) -> tuple[str, ...]:
        """Holder, bank and account of a transfer."""
        ...

    def notice(self, body: bytes, signature: str) -> Notice:
        """What a call of the provider says; raises BadSignature."""
        ...


@dataclass(frozen=True, slots=True)
class Transfer:
    """By bank: the buyer names the reference, and sales marks the money as received."""

    account: str
    code: str = "transfer"

    def patience(self, days: int) -> timedelta:
        return timedelta(days=days)

    def can_take(self) -> bool:
        return bool(self.account)

    def pays_online(self) -> bool:
        return False

    def payee(self) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.account.split("·") if part.strip())

    def notice(self, body: bytes, signature: str) -> Notice:
        raise BadSignature  # a bank does not call


@dataclass(frozen=True, slots=True)
class TestProvider:
    """Takes no money: it can pay, refuse, say nothing, and say everything twice. Its calls are signed."""

    secret: str
    code: str = "test"
    __test__ = False  # for pytest

    def patience(self, days: int) -> timedelta:
        return timedelta(hours=1)

    def can_take(self) -> bool:
        return True

    def pays_online(self) -> bool:
        return True

    def payee(self) -> tuple[str, ...]:
        return ()

    def signed(self, notice: Notice) -> tuple[bytes, str]:
        """The body and signature of a call that says so."""
        body = orjson.dumps({
            "event": notice.event, "reference": notice.reference, "outcome": notice.outcome.value,
            "amount_minor": notice.amount_minor,
        })
        return body, self._signature(body)

    def notice(self, body: bytes, signature: str) -> Notice:
        if not hmac.compare_digest(self._signature(body), signature):
            raise BadSignature
        said = orjson.loads(body)
        return Notice(str(said["event"])[:80], str(said["reference"]), Outcome(said["outcome"]), said["amount_minor"])

    def _signature(self, body: bytes) -> str:
        return hmac.new(b"payments:" + self.secret.encode(), body, hashlib.sha256).hexdigest()


_known: dict[str, Provider] = {"transfer": Transfer("")}


def configure(settings: Settings) -> None:
    """Take the settings of this process."""
    global _known
    _known = {"transfer": Transfer(settings.bank_account)}
    if settings.payment_provider == "test":
        _known["test"] = TestProvider(settings.secret_key)


def known() -> Mapping[str, Provider]:
    """The providers of this process by their code."""
    return _known


def rehearsal() -> TestProvider | None:
    """The test provider, where this process has one."""
    found = _known.get("test")
    return found if isinstance(found, TestProvider) else None
