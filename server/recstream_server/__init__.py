"""The recstream server."""
