"""Who may ask the gateway for what.

``key_record`` is a key as the store has it and ``key_ring`` all of them; ``guard`` tells who a
request comes from, ``caller``; ``seal`` signs what the gateway gives out, such as the ``tokens``
that browsers use in the place of a key; ``allowance`` holds keys to their limits; ``denied`` words
every refusal.
"""
