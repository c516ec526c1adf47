"""Webhooks: what a request came to, sent to an address that its caller gave.

``target`` reads the address at submit and keeps it with the flow run, ``payload`` says what is
sent, ``key`` signs it and ``send`` sends it; ``deliver`` is the flow that does so, which an
automation runs when a request has ended, ``progress`` the one that tells meanwhile of ``events``.
"""
