"""When and where the flows run, and the ``ltx`` command."""
