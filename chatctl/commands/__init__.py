"""The commands, one file each: parse, call one function, print.

Light imports on top; whatever needs msgspec, asyncio or prompt-toolkit is imported inside a command's body, so that
``--help`` and completion stay fast. A test holds this.
"""
