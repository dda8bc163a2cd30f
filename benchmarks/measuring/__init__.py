"""What the benchmarks share: results as tables and JSON, the machine, peers' environments, and processes' costs."""
