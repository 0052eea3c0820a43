"""recstream: a real-time recommendation server, its client and its core."""
