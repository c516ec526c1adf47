"""Webhooks: what a request came to, sent to an address that its caller gave.

``target`` reads the address at submit and keeps it with the flow run, ``payload`` says what is
sent, ``signature`` signs it and shows the key; ``deliver`` is the flow that sends it, which an
automation runs when a request has ended.
"""
