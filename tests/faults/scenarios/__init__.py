"""What happens in production: every flow that writes, each through the edge by which it is reached."""

from tests.faults.matrix import Scenario
from tests.faults.scenarios import deliveries, orders, people, plans, rails, repairs, settlement

SCENARIOS: tuple[Scenario, ...] = (
    *orders.SCENARIOS,
    *people.SCENARIOS,
    *plans.SCENARIOS,
    *deliveries.SCENARIOS,
    *settlement.SCENARIOS,
    *rails.SCENARIOS,
    *repairs.SCENARIOS,
)
