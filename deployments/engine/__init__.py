"""A process that loads the weights once and serves the ``Engine`` protocol on a Unix socket.

``app`` is its HTTP door, ``jobs`` the queue behind it, ``inputs`` the bytes that jobs work from,
and ``serve`` the process: jobs run in its main thread, one at a time.
"""
