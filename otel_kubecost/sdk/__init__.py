"""Where OpenTelemetry's SDK finds this package in a process that is somebody else's.

Each module here stands behind an entry point and is imported by that alone: a resource detector,
an instrumentor, and the names of their variables. What they need beside OpenTelemetry's own
packages is imported when something is configured.
"""
