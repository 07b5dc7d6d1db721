"""Every performance figure of the README comes from a command here."""
