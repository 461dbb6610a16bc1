"""Who calls, and whether they may: every request comes past `guard`, every socket past `authority`."""
