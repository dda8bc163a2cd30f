"""What lies below every sweep: disk, clock, signals, terminal, text, rules for values of the config."""
