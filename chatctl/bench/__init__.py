"""The load generator behind ``chatctl bench``: many members in one loop, and a check of what arrives."""
