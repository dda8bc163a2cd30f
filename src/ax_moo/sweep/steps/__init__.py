"""The steps of a round of the loop: asking, filling, pausing, collecting, and what they are made of."""
