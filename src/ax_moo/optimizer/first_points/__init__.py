"""The first points of a sweep, and all points of one without a model, computed without Ax."""
