"""The providers that pay out, simulated: see `server`."""

from tests.rails.simulator.server import Simulator

__all__ = ["Simulator"]
