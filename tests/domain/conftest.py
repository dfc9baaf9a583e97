from os import environ

from hypothesis import HealthCheck, settings

EXAMPLES = {"all": 100, "mutation": 15}
for name, examples in EXAMPLES.items():
    settings.register_profile(
        name,
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile(environ.get("EXAMPLES", "all"))
