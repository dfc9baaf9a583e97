"""Every pair that races."""

from tests.races.books import RefundAndMature, RefundAndPayout, SettleAndSettle
from tests.races.deliveries import Replay
from tests.races.orders import BindAndBind, BindAndOrder, SameOrder
from tests.races.pair import Pair
from tests.races.payouts import ApproveAndReject, ApproveTwice, LastCent, SubmitAndNews
from tests.races.people import SameEmail, SamePlan

PAIRS: list[type[Pair]] = [
    SameOrder,
    BindAndOrder,
    BindAndBind,
    SameEmail,
    SamePlan,
    Replay,
    ApproveTwice,
    ApproveAndReject,
    LastCent,
    SubmitAndNews,
    RefundAndPayout,
    RefundAndMature,
    SettleAndSettle,
]
