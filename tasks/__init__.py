"""One stage each: Prefect tasks, thin over ``ltxv``."""
