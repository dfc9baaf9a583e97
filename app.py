"""Creates the app and registers its blueprints: the requests, the streams, the clock."""

from chalice import Chalice

from chalicelib.api.commissions import bp as commission_views
from chalicelib.api.connections import bp as connections
from chalicelib.api.credit import bp as credit
from chalicelib.api.customers import bp as customers
from chalicelib.api.distributors import bp as distributors
from chalicelib.api.inbox import bp as inbox
from chalicelib.api.ledger import bp as ledger
from chalicelib.api.merchants import bp as merchants
from chalicelib.api.orders import bp as orders
from chalicelib.api.payout_methods import bp as payout_methods
from chalicelib.api.payout_runs import bp as payout_runs
from chalicelib.api.payouts import bp as payouts
from chalicelib.api.plans import bp as plans
from chalicelib.api.reconciliations import bp as reconciliations
from chalicelib.api.redrives import bp as redrives
from chalicelib.api.repairs import bp as repairs
from chalicelib.api.replays import bp as replays
from chalicelib.api.sessions import bp as sessions
from chalicelib.api.simulations import bp as simulations
from chalicelib.api.storefront import bp as storefront
from chalicelib.api.system import bp as system
from chalicelib.api.tax import bp as tax
from chalicelib.api.webhooks import bp as webhooks
from chalicelib.schedules.inbox import bp as redelivery
from chalicelib.schedules.mature import bp as mature
from chalicelib.schedules.overdue import bp as overdue
from chalicelib.schedules.repair import bp as repair
from chalicelib.schedules.replay import bp as replay
from chalicelib.schedules.settle import bp as settle
from chalicelib.schedules.settle_part import bp as settle_part
from chalicelib.schedules.submit import bp as submit
from chalicelib.streams.commissions import bp as commissions

app = Chalice("fenrun", configure_logs=False)
for requests in (
    system,
    sessions,
    distributors,
    customers,
    storefront,
    credit,
    merchants,
    orders,
    commission_views,
    plans,
    simulations,
    replays,
    payouts,
    payout_runs,
    payout_methods,
    tax,
    ledger,
    repairs,
    redrives,
    reconciliations,
    connections,
    webhooks,
    inbox,
):
    app.register_blueprint(requests)
for events in (commissions, mature, settle, settle_part, overdue, replay, repair, redelivery, submit):
    app.register_blueprint(events)
