"""What recstream costs as it grows: items, users with live events, events in the log."""
