"""What every command's every end looks like: one table, the documentation made of it, and the test that runs it."""
