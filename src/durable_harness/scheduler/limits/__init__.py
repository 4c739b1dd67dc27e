"""What the scheduler does not take: names, ids, times and actions that cannot be, payloads and messages too large."""
