"""Three components that others can name in a configuration of otel-kubecost, one a module.

The entry points in pyproject.toml say where they are; nothing is imported before it is named.
"""
