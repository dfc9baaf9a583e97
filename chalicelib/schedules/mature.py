"""Hourly: commission whose hold has ended becomes available."""

from chalice import Blueprint, Rate

bp = Blueprint(__name__)


@bp.schedule(Rate(1, unit=Rate.HOURS), name="mature")
def mature(event):
    return {"time": event.time}
