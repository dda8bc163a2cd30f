"""The optimization problem: objectives, constraints, and which trials are on the Pareto frontier."""
