"""Alerts: what somebody wants to be told of (rules), and when it happens. Pure; pipeline.workers.alerts runs it."""
