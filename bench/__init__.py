"""The benchmarks: ``python -m bench [up|pods|rest|api|cli ...]``, or ``make bench`` for all of them.

Each figure is measured together with its floor (the least that anything could take for the same result) or a peer,
alternately in one run, because a machine's speed changes from minute to minute: read the ratios. The results are
printed as tables and written into ``docs/benchmarks.md``.
Invariant: a run leaves nothing behind: its clusters are named ``bench-...`` and destroyed, also after an error; it has
a KUBECONFIG and a home of its own, and sends traffic to loopback and to its own pods only.
"""
