"""Building blocks that know nothing of sweeps: disk, clock, signals, terminal, text, rules for config values."""
