"""What a failed test prints about its instances: their path, causes and waits, as text."""
