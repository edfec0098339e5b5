"""How commands are made: options, configuration, output, completion. Imports are light; no command is known here."""
