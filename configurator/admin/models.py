"""Who may log in, what they may do, and the sessions that the server keeps."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer
from sqlmodel import Field, SQLModel

from catalog.rows import CompanyRow, UtcDateTime, company_keys, unique_in_company, utc_now


class User(CompanyRow, table=True):
    """A login. The name and mail address stand in the party row, which can be erased."""

    __tablename__ = "user_account"
    __table_args__ = company_keys(unique_in_company("login"), party_id="party", bill_to_id="party")

    login: str = Field(max_length=120)  # lower case
    party_id: int
    bill_to_id: int | None = None  # whom the invoices of its orders name, None: nobody else
    password_hash: str = Field(max_length=200)
    locale: str = Field(default="en", max_length=20)
    is_active: bool = True
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class UserRole(CompanyRow, table=True):
    """A role of a user; taking it away is in force at the next request."""

    __tablename__ = "user_role"
    __table_args__ = company_keys(
        unique_in_company("user_id", "role"),
        CheckConstraint("role in ('buyer','sales','planner','operator','modeller','administrator')", name="role_known"),
        user_id="user_account",
    )

    user_id: int
    role: str = Field(max_length=20)


class WebSession(SQLModel, table=True):
    """A logged-in browser. The cookie carries a random token, this row its hash: logout deletes it for good."""

    __tablename__ = "web_session"

    token_hash: str = Field(primary_key=True, max_length=64)
    company_id: int = Field(foreign_key="company.id")
    user_id: int = Field(sa_column=Column(Integer, ForeignKey("user_account.id", ondelete="CASCADE"), nullable=False))
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


class LoginAttempt(SQLModel, table=True):
    """A failed login, or another try that is throttled, counted across all web processes; kept for minutes only."""

    __tablename__ = "login_attempt"
    __table_args__ = (Index("ix_login_attempt_subject_at", "subject", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    subject: str = Field(max_length=80)  # keyed hash of "account:…", "address:…" and the like
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
