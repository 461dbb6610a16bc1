"""Everything that shows data: REST, WebSocket and the Dash terminal."""
