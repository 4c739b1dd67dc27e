"""Code that functions share; no function itself."""
