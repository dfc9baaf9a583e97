"""One race: a pair plays its rounds on tables of its own, is judged, and its books are verified."""

from __future__ import annotations

from uuid import uuid4

import pytest

from chalicelib.flows.verify import verify
from chalicelib.store import connection
from local.stack import client
from tests.containers import SECRET, become, become_local
from tests.races.crew import Crew
from tests.races.pair import Pair, Score
from tests.races.program import NEVER
from tests.tables import create_tables


def race(crew: Crew, pair: Pair, rounds: int, endpoint: str) -> Score:
    """Plays, and says how it went. What broke a contender is an `AssertionError`."""
    prefix, score = f"r{uuid4().hex[:8]}", Score(rounds=rounds)
    with pytest.MonkeyPatch.context() as patch:
        become(patch, {"AWS_ENDPOINT_URL": endpoint})
        secret = client(endpoint, "secretsmanager").create_secret(Name=prefix, SecretString=SECRET)["ARN"]
        client(endpoint, "s3").create_bucket(Bucket=prefix)
        others = {"SECRET_ARN": secret, "CONNECTION_SECRETS": f"{prefix}/", "FILES_BUCKET": prefix}
        environment = create_tables(client(endpoint, "dynamodb"), prefix) | others
        become_local(patch, {**environment, "AWS_ENDPOINT_URL": endpoint}, connection.shared())
        pair.seats = pair.seats or crew.size
        pair.slots = crew.size // pair.seats
        pair.open()
        rounds_told = crew.play(pair, environment, rounds)
        score.expect(len(rounds_told) == rounds, len(rounds_told), "rounds of", rounds)
        pair.judge(rounds_told, score)
        proof = verify(NEVER)
        for each in proof.mismatches:
            score.violations.append(f"books: {each}")
        score.expect(not any(proof.imbalance.values()) and proof.in_transit == 0, "books:", proof.imbalance)
    return score
