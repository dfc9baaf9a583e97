"""The payout rules of the plan in force."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.plans import PayoutRules
from chalicelib.store import plans


def payout_rules(at: datetime) -> PayoutRules:
    """What the default plan says about payouts at this instant; without any plan, no minimum and no fee."""
    version = plans.in_force(plans.versions(plans.DEFAULT), at)
    return plans.read(plans.DEFAULT, version.version).payout if version else PayoutRules()
