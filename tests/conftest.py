"""What holds for every test: property tests are judged by what they find, not by how fast a busy machine is."""

from hypothesis import HealthCheck, settings

settings.register_profile("podbay", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("podbay")
