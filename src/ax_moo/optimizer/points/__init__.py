"""What can be asked of a search space: its points, and which of them no trial has had."""
