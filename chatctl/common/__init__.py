"""What server and client share: framing, text, names, times, proofs, files. No Click, no sockets."""
