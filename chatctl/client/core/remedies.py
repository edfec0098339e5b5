"""What to do about an error, in the terms of whoever reads it: parameters of ``connect``, or options of a command.

An address has the remedies for all errors about its server: those of ``Parameters`` unless a command made it.
"""

from __future__ import annotations


class Parameters:
    """For a program that uses the Python client."""

    to_authenticate = "give it as password"
    not_to_authenticate = "leave password out"
    no_key = "key='none'"
    key_file = "key"
    use_tls = "use tls=True"
    no_tls = "use tls=False"
    pin = "pin"
    use_classic = "a program can't connect to it, 'chatctl join --classic' can"

    @staticmethod
    def use_pin(fingerprint: str) -> str:
        """Return how to trust the certificate that has this fingerprint."""
        return f"use pin={fingerprint!r}"


class Options(Parameters):
    """For a person who typed a command."""

    to_authenticate = "give it with CHATCTL_PASSWORD or --password-file"
    not_to_authenticate = "take the password away: CHATCTL_PASSWORD, --password-file"
    no_key = "--key none"
    key_file = "--key"
    use_tls = "use --tls"
    no_tls = "use --no-tls"
    pin = "--pin"
    use_classic = "use --classic"

    @staticmethod
    def use_pin(fingerprint: str) -> str:
        """Return how to trust the certificate that has this fingerprint."""
        return f"use --pin {fingerprint}"


Remedies = type[Parameters]
