"""Why a date moved, as a buyer reads it: one sentence a reason, without the factory's internals."""

from __future__ import annotations

from catalog.problems import N_
from configurator.planning.causes import Cause
from configurator.sales.assurances import EXCHANGED
from configurator.sales.changes import CHANGED

REASONS: dict[str, str] = {
    Cause.BREAKDOWN: N_("A machine in our factory stood still."),
    Cause.MATERIAL: N_("A part that yours needs arrives later than expected."),
    Cause.DELAY: N_("A step of the making takes longer than expected."),
    Cause.REPLANNED: N_("We had to plan our factory anew."),
    Cause.BUSY: N_("The machines that make yours are needed for longer than expected."),
    Cause.SOONER: N_("We have found room for it earlier."),
    CHANGED: N_("You changed the order."),
    EXCHANGED: N_("You chose something else that the order waits for."),
}
