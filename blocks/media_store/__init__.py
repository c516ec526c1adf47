"""Where every byte of the pipeline is kept: a local folder or an S3 bucket.

``block`` is the whole store, ``settings`` what an operator configures of it and ``contents`` its
files; ``local_folder`` and ``s3_bucket`` keep the bytes, with ``disk_faults`` and ``s3_faults``
wording what they say when they fail; ``keys`` are the names inside a store, ``addresses`` the URLs
of its files; ``payloads`` are the bytes that stages hand to each other, ``records`` what Prefect
keeps of their results; ``leases`` let one party at a time make something, and ``cleaning`` is what
goes again.
"""

from blocks.media_store.block import MediaStore

__all__ = ["MediaStore"]
