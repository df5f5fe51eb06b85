"""Hypothesis: the same examples each time, so that a red build is the change's doing.

``pytest --hypothesis-profile=search`` looks for new ones; what it finds becomes an ``@example``.
"""

from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=2000, deadline=None)
settings.load_profile("steady")
