"""What all sessions share, bounded: models, records, numbers, pictures."""
