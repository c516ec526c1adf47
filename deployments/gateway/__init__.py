"""The hosted endpoint's HTTP protocol in front of Prefect.

Prefect is the queue and the store is the storage: the gateway keeps nothing that its restart loses.
"""
