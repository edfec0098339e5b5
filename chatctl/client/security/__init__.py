"""Passwords and keys, and whether a server is the right one."""
