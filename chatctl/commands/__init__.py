"""The commands, one module or package each: parse, call one function, print.

Imports at the top of a command's module are light. What needs msgspec, asyncio or prompt-toolkit is imported inside a
body, so that ``--help`` and completion stay fast; tests/house.py checks it. Does not live here: what several commands
are made of (cli/).
"""
