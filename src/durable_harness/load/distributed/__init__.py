"""How the processes of a run find each other and what they send: the token, the port, the messages, the shares."""
