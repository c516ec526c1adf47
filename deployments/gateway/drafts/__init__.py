"""Drafts over HTTP: made, looked at, chosen from and refined.

``asked`` reads the submit; ``offer`` is what there is to choose from while the run waits for that;
``choice`` reads what was chosen and gives it to the run, once; ``refined`` is the result. ``cost``
plans drafts, ``routes`` are the doors.
"""
