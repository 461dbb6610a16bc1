"""Headers that every answer carries."""

from flask import Flask, Response

#: Scripts from us only, inline ones by hash; nobody may frame us. Dash and Plotly set styles on elements, which no hash covers.
_POLICY = (
    "default-src 'self'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def secure(server: Flask) -> None:
    """`server.config["CSP_SCRIPT_HASHES"]`: hashes of the inline scripts that the page needs."""
    policy = _POLICY.format(
        hashes=" ".join(f"'{one.strip(chr(39))}'" for one in server.config.get("CSP_SCRIPT_HASHES", ()))
    )

    @server.after_request
    def headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("X-Frame-Options", "DENY")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        return response
