"""Probes: what containers' health is, found by asking them.

``health`` is what decisions take; ``state`` counts one probe's answers; ``actions`` ask; ``prober`` keeps the time.
"""
