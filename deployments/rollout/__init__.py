"""Pools, queues, deployments, schedules and automations: from files to the server."""
