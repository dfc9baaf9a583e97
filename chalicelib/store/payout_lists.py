"""Payouts found by whose they are, and by where they stand. The indexes give keys; the payouts are read consistently."""
