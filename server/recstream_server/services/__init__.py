"""The RPCs. A handler is parse, engine, pack."""
