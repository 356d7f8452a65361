"""What a cycle costs, measured side by side with what it replaces.

    benchmarks/run --sizes 10000,50000 --only chain,floor

``parts`` says what is measured and what is to be reached, ``bench`` and ``steady`` measure,
``report`` writes it down, and ``method.md`` says what is inside each figure. Every part is
processes on one machine: a stand-in of Kubecost (``source``), the senders that are measured, and a
receiver that only keeps what arrives (``receiver``)::

    source ──▶ otel-kubecost ─────────────────────▶ receiver          product
    source ──▶ allocation exporter ◀── Prometheus ─▶ receiver         chain

Only the senders' CPU time (user and system) and peak resident memory count. Nothing here is part
of the package.
"""
