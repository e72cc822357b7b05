"""What a night's page says, read from the lake's tables: for the desk, and as one file for mail."""
