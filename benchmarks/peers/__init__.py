"""How other tools run the same trials."""
