"""The WebSocket: what is said (protocol), to whom (hub), over which wire (socket), and where it comes from (redis_bridge)."""
