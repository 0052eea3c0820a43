"""The recstream trainer."""
