"""`make bench`: every benchmark, printed as tables of ratios measured in one run."""

import sys

from training.bench import analyzer, heads, latency, limit, machine, pipeline, watching

if __name__ == "__main__":
    machine.show()
    sys.exit(
        pipeline.main()
        or limit.main([])
        or heads.main([])
        or watching.main([])
        or analyzer.main([])
        or latency.main([])
    )
