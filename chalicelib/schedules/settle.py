"""Daily: what is available and asked for becomes payouts."""

from chalice import Blueprint, Cron

bp = Blueprint(__name__)


@bp.schedule(Cron(0, 2, "*", "*", "?", "*"), name="settle")
def settle(event):
    return {"time": event.time}
