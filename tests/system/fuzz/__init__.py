"""Fuzzing: what must hold for any bytes (targets.py), bytes to begin with (corpus/), and what runs it (run.py)."""
