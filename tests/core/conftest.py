"""How hard Hypothesis tries here: the core's tests are run on every save."""

from hypothesis import settings

settings.register_profile("core", max_examples=50, deadline=None)  # a deadline fails on a busy machine for nothing
settings.load_profile("core")
