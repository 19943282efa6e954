"""Upstream's conformance tests that pods need, by name, and which of our tests makes each one's assertions.

``names.tsv`` has a line for each: its name (without the final ``[Conformance]``) and the file of upstream's repository
that it is in, as ``test/conformance/testdata/conformance.yaml`` of Kubernetes 1.32 lists them. A test of ours carries a
name by beginning its docstring with it; below stands every assertion of upstream's test and where it is made. Without
that list, or outside ``tests/e2e`` (which alone runs real containers), the name is not counted.
``python -m tests.conformance`` writes ``docs/conformance.md``.
"""
