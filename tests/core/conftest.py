"""How hard Hypothesis tries here: the core's tests are run on every save."""

from hypothesis import HealthCheck, settings

# A deadline, and the check of how fast examples are made, fail on a busy machine for nothing.
settings.register_profile("core", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("core")
