"""Forms of logging in and of the administration."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    HiddenField,
    PasswordField,
    SelectField,
    SelectMultipleField,
    StringField,
    SubmitField,
    widgets,
)
from wtforms.validators import InputRequired, Length, Regexp

from configurator.auth import ROLE_WORDS, Role
from configurator.i18n import NAMES

PASSWORD_LENGTH = 12


class MultiCheckboxField(SelectMultipleField):
    """The roles as boxes to tick."""

    widget = widgets.ListWidget(prefix_label=False)
    option_widget = widgets.CheckboxInput()

    def __init__(self, label: Any, **more: Any) -> None:
        super().__init__(label, choices=[(role.value, ROLE_WORDS[role]) for role in Role], **more)

    def roles(self) -> set[Role]:
        return {Role(value) for value in self.data or ()}


def new_password(label: Any, **more: Any) -> PasswordField:
    """A field for a password that somebody chooses."""
    length = Length(PASSWORD_LENGTH, 200, message=_l("At least %(min)d characters, at most %(max)d.",
                                                     min=PASSWORD_LENGTH, max=200))
    return PasswordField(label, [InputRequired(_l("Please fill this in.")), length],
                         description=_l("At least %(min)d characters.", min=PASSWORD_LENGTH), **more)


class LoginForm(FlaskForm):
    login = StringField(_l("Login"), [InputRequired(_l("Please fill this in.")), Length(max=120)])
    password = PasswordField(_l("Password"), [InputRequired(_l("Please fill this in.")), Length(max=200)])
    next = HiddenField()
    submit = SubmitField(_l("Log in"))


class NewUserForm(FlaskForm):
    login = StringField(_l("Login"), [
        InputRequired(_l("Please fill this in.")), Length(2, 120),
        Regexp(r"^[\w.@+-]+$", message=_l("Letters, digits and . @ + - _ only.")),
    ])
    name = StringField(_l("Name"), [InputRequired(_l("Please fill this in.")), Length(max=200)])
    password = new_password(_l("Password"))
    roles = MultiCheckboxField(_l("Roles"))
    locale = SelectField(_l("Language"), choices=list(NAMES.items()))
    submit = SubmitField(_l("Add user"))


class UserForm(FlaskForm):
    roles = MultiCheckboxField(_l("Roles"))
    is_active = BooleanField(_l("May log in"))
    submit = SubmitField(_l("Save"))


class PasswordForm(FlaskForm):
    password = new_password(_l("New password"))
    submit = SubmitField(_l("Set password"))
