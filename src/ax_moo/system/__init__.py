"""What lies below every sweep: disk, clock, signals, terminal, text."""
