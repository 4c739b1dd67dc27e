"""What functions do that is seen from outside, and how the second delivery of their work compares with the first."""
