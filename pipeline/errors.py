"""The small tree of our exceptions. Each says what to do next; anything else that escapes is a bug."""


class CryptoVizError(Exception):
    """Root of everything we raise on purpose."""


class BadMessage(CryptoVizError):
    """A message that can never be read: it goes to the dead-letter topic, and the rest goes on."""


class BadFrame(CryptoVizError):
    """An exchange frame that can never be read: counted and ignored."""


class ExchangeUnavailable(CryptoVizError):
    """The exchange did not answer, or asked us to wait (`retry_after` seconds). Retry with back-off."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SetupError(CryptoVizError):
    """Something the user must mend; the text says what and how."""


class ColdUnavailable(CryptoVizError):
    """The object store of the cold tier did not answer, or holds something else than it should. Retry later."""
