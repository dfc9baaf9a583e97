from hypothesis import HealthCheck, settings

settings.register_profile(
    "domain",
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("domain")
