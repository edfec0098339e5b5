"""What both ends use: cleaning text, names, key proofs, private files. No Click, no sockets."""
