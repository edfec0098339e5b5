"""The load generator: that it counts right, and that it fails when a server loses, doubles or reorders anything."""
