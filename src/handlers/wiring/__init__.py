"""Plugging adapters into ports: made once per worker, from the environment that template.yaml gives."""
