"""What strangers send: odd and hostile media, and servers that misbehave."""
