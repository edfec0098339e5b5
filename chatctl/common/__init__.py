"""What server and client share: text, names, times, proofs, files. No Click, no sockets."""
