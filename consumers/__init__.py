"""The ASGI edge: who may connect, and a WebSocket for each session. Thin: what a session does is the engine's.

May import: channels, Django, and the engine through its facade. Never the shop.
"""
