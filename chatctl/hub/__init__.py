"""Joins rooms, sessions and journals: what a tick commits, shows and answers. No sockets."""
