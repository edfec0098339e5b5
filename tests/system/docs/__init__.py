"""What is written about the commands: their help, the pages made of it, and what the wheel brings along."""
