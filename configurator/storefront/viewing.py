"""Who looks at the files of a configuration: an account, or a browser with our cookie."""

from __future__ import annotations

from datetime import timedelta

from flask_login import current_user

from configurator.app import kept_secret
from configurator.auth import Role, actor_id
from configurator.sales.uploads import Viewer

COOKIE = "configurator_files"
KEPT_FOR = timedelta(days=180)  # the cookie, in the browser
STAFF = (Role.SALES, Role.PLANNER, Role.OPERATOR, Role.ADMINISTRATOR)


def viewer() -> Viewer:
    """Whoever sends this request."""
    return Viewer(actor_id(), kept_secret(COOKIE), current_user.may(*STAFF))
