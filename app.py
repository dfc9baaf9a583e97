"""Creates the app and registers its blueprints: the requests, the streams, the clock."""

from chalice import Chalice

from chalicelib.api.sessions import bp as sessions
from chalicelib.api.system import bp as system
from chalicelib.schedules.mature import bp as mature
from chalicelib.schedules.settle import bp as settle
from chalicelib.streams.commissions import bp as commissions

app = Chalice("fenrun", configure_logs=False)
for blueprint in (system, sessions, commissions, mature, settle):
    app.register_blueprint(blueprint)
