"""Fenrun: attribution, commission, books and payouts."""

import gc

# A cold start makes some 300,000 objects that live as long as the container. Looking through them for garbage again and
# again while they are made costs a fifth of the start (bench/cold_start.py); a container never needs it that often.
gc.set_threshold(500_000, 20, 20)
