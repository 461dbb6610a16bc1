"""The long-running parts. Each module has `run(settings, stop)`.

Contract: `run` blocks until `stop` (a threading.Event) is set, then flushes, closes and returns. A server that is away is
waited for with back-off and said in `pipeline.status`; anything else is raised, and the supervisor starts the worker again.
"""
