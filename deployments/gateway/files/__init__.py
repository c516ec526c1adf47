"""Files: uploads as both clients send them, and downloads.

``storage`` and ``cdn`` are the doors of the JavaScript and the Python client; both give out a
``ticket``, which says all about a file that is to come, so that nothing is kept of one that never
does. ``sending`` takes the bytes, of ``parts`` too, ``receive`` from the wire, ``room`` as many as
a key may keep; ``download`` gives them back, ``media`` words the answer. ``own`` lets requests name
files by the gateway's addresses.
"""
