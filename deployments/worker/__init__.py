"""What ``ltx worker`` keeps going: for each GPU an engine and a stock Prefect worker beside it.

``child`` is one process that is started again when it ends, ``pair`` an engine and its worker,
``supervise`` all of them until the end.
"""
