"""Architectures that no library ships, or that would cost too much to import from one."""
