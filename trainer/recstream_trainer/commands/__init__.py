"""The trainer's commands, a file each."""
