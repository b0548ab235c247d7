"""`make bench`: our hops, our whole walk and what they are compared with, measured in one run.

Anchors (dramatiq, pgbench, pika) and our own figures alternate on one private broker and one
private database, so that what disturbs the machine disturbs all of them, and ratios are made
within a repetition. How each figure is measured is told in docs/bench/README.md.
"""
