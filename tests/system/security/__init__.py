"""What docs/security.md promises: a test for each row, and what shows that it fails without its defence."""
