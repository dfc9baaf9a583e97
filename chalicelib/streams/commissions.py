"""Orders changed: post the difference."""

from chalice import Blueprint

bp = Blueprint(__name__)


@bp.on_dynamodb_record(
    stream_arn={"Fn::GetAtt": ["OrdersTable", "StreamArn"]},
    name="commissions",
    batch_size=100,
    starting_position="TRIM_HORIZON",
)
def commissions(event):
    print("orders changed:", len(event.to_dict()["Records"]))
    return {"batchItemFailures": []}
