"""The model itself, on torch and diffusers. Import it late: nothing else here needs torch."""
