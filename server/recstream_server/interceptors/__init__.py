"""What happens around every call: admission, deadline, errors, metrics and log."""
