"""``send`` and ``tail`` as scripts use them: what survives a broken connection, and what each option does."""
