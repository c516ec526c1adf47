"""What an operator configures and saves: Prefect blocks."""
