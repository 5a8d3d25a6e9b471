"""The services of Wayside. They meet only in topics, Redis and `shared/`."""

import os

# Read when torch's threads first start: they sleep while they wait for each other. By default they spin, and where
# others want the cores too (`wayside up` on a small machine) a forward pass takes several times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
