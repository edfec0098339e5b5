"""Passwords, keys, and whether a server is the right one."""
