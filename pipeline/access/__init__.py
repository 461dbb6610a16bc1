"""Who may come in: passwords, keys, and what must be set before anybody outside this machine may try."""
